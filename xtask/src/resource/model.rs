//! What the templates of a resource are filled with.

use anyhow::{Result, bail};
use heck::{ToKebabCase, ToUpperCamelCase};
use serde::Serialize;

use super::field::{Field, Kind, check_name, check_resource_name};
use super::types::{self, Expressions, Types};

/// Who may do what, and where the resource stands.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Everyone may read.
    pub public: bool,
    /// Only superusers may change.
    pub superuser: bool,
    /// The resource below whose rows this one stands.
    pub parent: Option<String>,
}

/// What a project has that the code depends on.
#[derive(Debug, Clone, Default)]
pub struct Project {
    /// The name of the library, for tests.
    pub library: String,
    /// Whether requests can carry an `Idempotency-Key`.
    pub idempotency: bool,
    /// The resources that were made by this tool or look like it, and how they are read.
    pub resources: Vec<Other>,
}

/// Another resource, to which fields can refer.
#[derive(Debug, Clone, Serialize)]
pub struct Other {
    /// `board`
    pub name: String,
    /// `board`, without underscores
    pub words: String,
    /// `a board`
    pub article: String,
    /// `boards`
    pub table: String,
    /// `/boards`
    pub path: String,
    /// Whether reading one needs a caller.
    pub needs_caller: bool,
    /// Whether users may create one, and not superusers alone.
    pub is_of_users: bool,
}

/// `a board`, `an order`
pub fn article(words: &str) -> String {
    let is_vowel = words.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {words}", if is_vowel { "an" } else { "a" })
}

/// A resource, as the templates see it.
#[derive(Serialize)]
pub struct Resource {
    /// `order_line`
    pub name: String,
    /// `order_lines`
    pub plural: String,
    /// `OrderLine`
    pub type_name: String,
    /// `/order-lines`
    pub path: String,
    /// `order line`
    pub words: String,
    /// `order lines`
    pub plural_words: String,
    /// `an order line`
    pub article: String,
    /// `order-lines`, of scopes and tags
    pub tag: String,
    /// `ORDER_LINES`
    pub scope: String,
    pub public: bool,
    pub superuser: bool,
    pub owner: Option<String>,
    pub parent: Option<Other>,
    pub fields: Vec<FieldModel>,
    pub library: String,
    pub idempotency: bool,
    pub migration: String,
    pub has_unique: bool,
    pub has_refs: bool,
    /// Whether rows can refer to something that may be deleted meanwhile.
    pub has_keys: bool,
    pub is_eq: bool,
}

/// A field, as the templates see it.
#[derive(Serialize)]
pub struct FieldModel {
    pub column: String,
    pub words: String,
    pub kind: &'static str,
    pub optional: bool,
    pub unique: bool,
    /// `#[validate(…)]`, or empty.
    pub validate: String,
    /// The type in requests, without `Option`.
    pub input: String,
    /// The type in responses, without `Option`.
    pub output: String,
    /// The type in the entity, without `Option`.
    pub stored: String,
    /// The attribute of the entity, or empty.
    pub entity_attribute: String,
    /// The column of the migration.
    pub column_definition: String,
    /// The value of the column, from a request to create.
    pub create_expression: String,
    /// The same from a request to change, with the row as `old`.
    pub update_expression: String,
    /// The value of a response, from the column.
    pub read_expression: String,
    /// The name of the type of an enum.
    pub enum_name: String,
    pub variants: Vec<Variant>,
    pub target: Option<Other>,
    /// The upper end of a decimal in minor units, with its text.
    pub decimal_max: Option<(String, String)>,
    /// A valid value as plain JSON.
    pub json: String,
    /// A valid value of tests, as Rust inside `json!`; with a variable `number` if the field is unique.
    pub sample: String,
    /// Another valid value.
    pub other_sample: String,
    /// Invalid values with the kinds of their problems.
    pub invalid: Vec<(String, String)>,
}

/// A value of an enum.
#[derive(Serialize)]
pub struct Variant {
    pub name: String,
    pub value: String,
}

impl Resource {
    /// Checks the parts of a resource against each other.
    ///
    /// # Errors
    /// Says what does not fit.
    pub fn new(
        name: &str,
        plural: Option<&str>,
        mut fields: Vec<Field>,
        access: &Access,
        project: &Project,
    ) -> Result<Self> {
        check_resource_name(name)?;
        let plural = plural.map_or_else(|| cruet::to_plural(name), str::to_owned);
        check_name(&plural)?;
        if plural == name {
            bail!("the plural of `{name}` is the same word: give another one with --plural");
        }
        let find =
            |name: &str| project.resources.iter().find(|other| other.name == name || other.table == name).cloned();
        let parent = match &access.parent {
            None => None,
            Some(parent) => {
                let Some(found) = find(parent) else { bail!("--parent {parent}: there is no such resource") };
                if access.public && found.needs_caller {
                    bail!("--public: `{parent}` is not public, so nothing below it can be");
                }
                Some(found)
            }
        };
        let owners = fields.iter().filter(|field| field.kind == Kind::User).count();
        if owners > 1 {
            bail!("a resource has one owner");
        }
        if owners == 0 && !access.public && !access.superuser {
            fields.insert(0, Field::parse("owner:user")?);
        }
        let is_user_writable = !access.superuser;
        if is_user_writable && !fields.iter().any(|field| field.kind == Kind::User) {
            fields.insert(0, Field::parse("owner:user")?);
        }
        let mut columns: Vec<String> = parent.iter().map(|parent| format!("{}_id", parent.name)).collect();
        for field in &fields {
            let column = field.column();
            if columns.contains(&column) {
                bail!("`{column}` is there twice");
            }
            columns.push(column);
        }
        let mut targets: Vec<&str> = parent.iter().map(|parent| parent.name.as_str()).collect();
        for target in
            fields.iter().filter_map(|field| if let Kind::Ref(target) = &field.kind { Some(target) } else { None })
        {
            if targets.contains(&target.as_str()) {
                bail!("two references to `{target}` are not supported");
            }
            targets.push(target);
        }
        let type_name = name.to_upper_camel_case();
        let owner = fields.iter().find(|field| field.kind == Kind::User).map(Field::column);
        let models: Vec<FieldModel> = fields
            .iter()
            .filter(|field| field.kind != Kind::User)
            .map(|field| FieldModel::new(field, &type_name, &find))
            .collect::<Result<_>>()?;
        if models.is_empty() {
            bail!("a resource needs at least one field besides its owner");
        }
        let words = name.replace('_', " ");
        Ok(Self {
            article: article(&words),
            plural_words: plural.replace('_', " "),
            path: format!("/{}", plural.to_kebab_case()),
            tag: plural.to_kebab_case(),
            scope: plural.to_uppercase(),
            has_unique: models.iter().any(|field| field.unique),
            has_refs: models.iter().any(|field| field.target.is_some()),
            has_keys: owner.is_some() || parent.is_some() || models.iter().any(|field| field.target.is_some()),
            is_eq: !models.iter().any(|field| matches!(field.kind, "float" | "json")),
            name: name.to_owned(),
            type_name,
            words,
            plural,
            public: access.public,
            superuser: access.superuser,
            owner,
            parent,
            fields: models,
            library: project.library.clone(),
            idempotency: project.idempotency,
            migration: String::new(),
        })
    }
}

impl FieldModel {
    fn new(field: &Field, type_name: &str, find: &impl Fn(&str) -> Option<Other>) -> Result<Self> {
        let column = field.column();
        let enum_name = format!("{type_name}{}", field.name.to_upper_camel_case());
        let target = match &field.kind {
            Kind::Ref(name) => {
                let Some(target) = find(name) else { bail!("ref({name}): there is no such resource") };
                Some(target)
            }
            _ => None,
        };
        let types = Types::of(field, &column, &enum_name);
        let expressions = Expressions::of(field, &column);
        let samples = super::sample::Samples::of(field, target.as_ref());
        Ok(Self {
            words: column.trim_end_matches("_id").replace('_', " "),
            kind: types.kind,
            optional: field.optional,
            unique: field.unique,
            validate: types.validate,
            input: types.input,
            output: types.output,
            stored: types.stored,
            entity_attribute: types.attribute,
            column_definition: types.definition,
            create_expression: expressions.create,
            update_expression: expressions.update,
            read_expression: expressions.read,
            enum_name,
            variants: variants(&field.kind),
            decimal_max: match (&field.kind, &field.max) {
                (Kind::Decimal, Some(max)) => {
                    Some((types::separated(&types::minor_units(max).to_string()), max.clone()))
                }
                _ => None,
            },
            target,
            json: samples.json,
            sample: samples.first,
            other_sample: samples.second,
            invalid: samples.invalid,
            column,
        })
    }
}

fn variants(kind: &Kind) -> Vec<Variant> {
    let Kind::Enum(values) = kind else { return Vec::new() };
    values.iter().map(|value| Variant { name: value.to_upper_camel_case(), value: value.clone() }).collect()
}
