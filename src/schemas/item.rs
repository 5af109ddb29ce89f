//! Items: requests and responses.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use validator::{Validate, ValidationError};

use super::amount::{Price, PriceBound, Tax};
use super::page::Page;
use super::patch;
use super::text::{LINE, LINES, Tag};
use super::time::Timestamp;
use crate::validation::schema::{documented, documented_parameters};

/// The body to create an item, or to replace one.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[validate(schema(function = "taxed_below_price"))]
#[schemars(example = Self::example())]
pub struct ItemCreate {
    /// The item's name.
    #[validate(length(min = 1, max = 255), regex(path = *LINE))]
    pub title: String,
    /// A longer description.
    #[validate(length(max = 255), regex(path = *LINES))]
    pub description: Option<String>,
    /// The price.
    pub price: Option<Price>,
    /// The tax included in the price: less than the price.
    pub tax: Option<Tax>,
    /// Whether it was used before.
    #[serde(default)]
    pub condition: ItemCondition,
    /// When it becomes available, to the microsecond.
    pub available_from: Option<Timestamp>,
    /// Words to find it by.
    #[serde(default)]
    #[validate(length(max = 10))]
    pub tags: Vec<Tag>,
}

impl ItemCreate {
    fn example() -> serde_json::Value {
        serde_json::json!({
            "title": "Kettle", "description": "Whistles when it boils", "price": 24.9, "tax": 3.98, "condition": "used",
            "available_from": "2030-01-31T12:00:00Z", "tags": ["kitchen"]
        })
    }
}

fn taxed_below_price(item: &ItemCreate) -> Result<(), ValidationError> {
    tax_below_price(item.price, item.tax)
}

/// The rule over two fields: if both are present, the tax is less than the price.
pub fn tax_below_price(price: Option<Price>, tax: Option<Tax>) -> Result<(), ValidationError> {
    match (price, tax) {
        (Some(price), Some(tax)) if tax.minor_units() >= price.minor_units() => {
            Err(ValidationError::new("tax_below_price").with_message("Tax must be less than price".into()))
        }
        _ => Ok(()),
    }
}

/// The body to change an item. Absent fields stay the same.
#[derive(Debug, Default, Deserialize, Validate, JsonSchema)]
#[serde(default)]
#[schemars(example = serde_json::json!({ "price": "24.90" }))]
pub struct ItemUpdate {
    /// The item's name.
    #[serde(deserialize_with = "patch::required")]
    #[schemars(with = "String")]
    #[validate(length(min = 1, max = 255), regex(path = *LINE))]
    pub title: Option<String>,
    /// A longer description; `null` clears it.
    #[serde(deserialize_with = "patch::optional")]
    #[validate(length(max = 255), regex(path = *LINES))]
    pub description: Option<Option<String>>,
    /// The price; `null` clears it.
    #[serde(deserialize_with = "patch::optional")]
    pub price: Option<Option<Price>>,
    /// The tax included in the price, less than the price; `null` clears it.
    #[serde(deserialize_with = "patch::optional")]
    pub tax: Option<Option<Tax>>,
    /// Whether it was used before.
    #[serde(deserialize_with = "patch::required")]
    #[schemars(with = "ItemCondition")]
    pub condition: Option<ItemCondition>,
    /// When it becomes available; `null` clears it.
    #[serde(deserialize_with = "patch::optional")]
    pub available_from: Option<Option<Timestamp>>,
    /// Words to find it by. They replace the current ones.
    #[serde(deserialize_with = "patch::required")]
    #[schemars(with = "Vec<Tag>")]
    #[validate(length(max = 10))]
    pub tags: Option<Vec<Tag>>,
}

/// An item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ItemRead {
    /// The item's id.
    pub id: Uuid,
    /// The item's name.
    pub title: String,
    /// A longer description.
    pub description: Option<String>,
    /// The price.
    pub price: Option<Price>,
    /// The tax included in the price.
    pub tax: Option<Tax>,
    /// Whether it was used before. A newer version of the service may know more conditions.
    pub condition: String,
    /// When it becomes available.
    pub available_from: Option<DateTime<Utc>>,
    /// Words to find it by, in alphabetical order.
    pub tags: Vec<String>,
    /// The owner's id.
    pub owner_id: Uuid,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A page of items.
pub type ItemPage = Page<ItemRead>;

/// Which items to list, and in which order.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
pub struct ItemFilter {
    /// A text that title or description contain, taken literally. The case of ASCII letters (a to z) does not matter.
    #[validate(length(min = 3, max = 50), regex(path = *LINE))]
    pub q: Option<String>,
    /// Only items with all of these tags: `?tags=a&tags=b`.
    #[serde(default)]
    #[validate(length(max = 10))]
    pub tags: Vec<Tag>,
    /// Only items that cost at least this.
    pub min_price: Option<PriceBound>,
    /// Only items that cost at most this.
    pub max_price: Option<PriceBound>,
    /// The order; a minus sign reverses it. Items without a price count as the most expensive.
    #[serde(default)]
    pub sort: ItemSort,
}

/// Whether an item was used before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are clear, and documented variants would lengthen the document")]
pub enum ItemCondition {
    #[default]
    New,
    Used,
    Refurbished,
}

impl ItemCondition {
    /// The name, as it is sent and stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Used => "used",
            Self::Refurbished => "refurbished",
        }
    }
}

/// The order of a list of items; ties are broken by id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are clear, and documented variants would lengthen the document")]
pub enum ItemSort {
    #[serde(rename = "created_at")]
    CreatedAt,
    #[default]
    #[serde(rename = "-created_at")]
    CreatedAtDescending,
    #[serde(rename = "title")]
    Title,
    #[serde(rename = "-title")]
    TitleDescending,
    #[serde(rename = "price")]
    Price,
    #[serde(rename = "-price")]
    PriceDescending,
}

/// The path to one item.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
pub struct ItemPath {
    /// The item's id.
    pub item_id: Uuid,
}

/// The path to one item of one user.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
pub struct UserItemPath {
    /// The owner's id.
    pub user_id: Uuid,
    /// The item's id.
    pub item_id: Uuid,
}

documented!(ItemCreate, ItemUpdate, ItemRead, ItemPage);
documented_parameters!(Query: ItemFilter);
documented_parameters!(Path: ItemPath, UserItemPath);
