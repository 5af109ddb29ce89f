//! Money: exact, with two places.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::{Serialize, Serializer};

/// An amount of money of at least `MIN` minor units (cents) and below ten billion, held as an integer of minor units.
/// Read from a JSON number or a string, written as a number.
///
/// A string is exact. A JSON number arrives as the nearest binary double: exact for up to 15 digits, of which an amount
/// has at most 12; further digits are rounded away when the JSON is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount<const MIN: i64>(i64);

/// A price: greater than zero.
pub type Price = Amount<1>;
/// A tax: zero or more.
pub type Tax = Amount<0>;
/// The bound of a filter by price: zero or more.
pub type PriceBound = Amount<0>;

const MAX_MINOR_UNITS: i64 = 999_999_999_999;
const MAX: f64 = 9_999_999_999.99;

impl<const MIN: i64> Amount<MIN> {
    /// An amount from its minor units.
    #[must_use]
    pub fn from_minor_units(minor_units: i64) -> Self {
        Self(minor_units)
    }

    /// The amount in minor units.
    #[must_use]
    pub fn minor_units(self) -> i64 {
        self.0
    }

    /// Reads `"12.5"`: digits, at most two of them after the point.
    fn parse(text: &str) -> Option<Self> {
        let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let padded = whole.len() > 1 && whole.starts_with('0');
        if !digits(whole) || !digits(places) || padded || whole.len() > 10 || places.len() > 2 {
            return None;
        }
        let minor_units = format!("{whole}{places:0<2}").parse().ok()?;
        (MIN..=MAX_MINOR_UNITS).contains(&minor_units).then_some(Self(minor_units))
    }
}

impl<const MIN: i64> Serialize for Amount<MIN> {
    #[expect(clippy::cast_precision_loss, reason = "12 digits fit a double's 15; the division rounds to the nearest")]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0 as f64 / 100.0)
    }
}

impl<'de, const MIN: i64> Deserialize<'de> for Amount<MIN> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AmountVisitor<const MIN: i64>;

        impl<const MIN: i64> Visitor<'_> for AmountVisitor<MIN> {
            type Value = Amount<MIN>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount with at most two decimal places")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Amount::parse(text).ok_or_else(|| E::custom("not a valid amount"))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
                self.visit_str(&number.to_string())
            }
        }

        deserializer.deserialize_any(AmountVisitor)
    }
}

impl<const MIN: i64> JsonSchema for Amount<MIN> {
    fn schema_name() -> Cow<'static, str> {
        if MIN > 0 { "Price" } else { "Tax" }.into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        if generator.contract().is_serialize() {
            return json_schema!({ "type": "number" });
        }
        // The numeric keywords apply to numbers, the pattern to strings.
        let pattern = if MIN > 0 {
            r"^(?:[1-9][0-9]{0,9}(?:\.[0-9]{1,2})?|0\.(?:0[1-9]|[1-9][0-9]?))$"
        } else {
            r"^(?:[1-9][0-9]{0,9}|0)(?:\.[0-9]{1,2})?$"
        };
        let mut schema = json_schema!({
            "type": ["number", "string"], "format": "decimal", "maximum": MAX, "multipleOf": 0.01, "pattern": pattern,
        });
        let bound = if MIN > 0 { "exclusiveMinimum" } else { "minimum" };
        schema.insert(bound.to_owned(), 0.into());
        schema
    }
}
