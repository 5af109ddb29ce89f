//! The Rust types of a field in each layer, and how values get from one to the next.

use super::field::{Field, Kind};

/// What a field is in each layer.
pub struct Types {
    /// The name of its type on the command line.
    pub kind: &'static str,
    /// `#[validate(…)]`, or empty.
    pub validate: String,
    /// The type in requests.
    pub input: String,
    /// The type in responses.
    pub output: String,
    /// The type in the entity.
    pub stored: String,
    /// The attribute of the entity, or empty.
    pub attribute: String,
    /// The column of the migration.
    pub definition: String,
}

impl Types {
    /// The same type in every layer.
    fn simple(kind: &'static str, rust: &str, definition: String) -> Self {
        let text = || rust.to_owned();
        let (validate, attribute) = (String::new(), String::new());
        Self { kind, validate, input: text(), output: text(), stored: text(), attribute, definition }
    }

    /// A type of its own for requests, another one for responses, and one for rows.
    fn converted(kind: &'static str, [input, output, stored]: [&str; 3], definition: String) -> Self {
        let (input, output, stored) = (input.to_owned(), output.to_owned(), stored.to_owned());
        Self { kind, validate: String::new(), input, output, stored, attribute: String::new(), definition }
    }

    /// Those of a field.
    pub fn of(field: &Field, column: &str, enum_name: &str) -> Self {
        let is_null = if field.optional { "_null" } else { "" };
        let nullable = if field.optional { ", nullable" } else { "" };
        let define = |function: &str| format!("{function}{is_null}(\"{column}\")");
        let of_length = |length: u32| {
            let attribute = format!("#[sea_orm(column_type = \"String(StringLen::N({length}))\"{nullable})]");
            (attribute, format!("string_len{is_null}(\"{column}\", {length})"))
        };
        let attribute = |of_column: &str| format!("#[sea_orm(column_type = \"{of_column}\"{nullable})]");
        let types = match &field.kind {
            Kind::String => {
                let (attribute, definition) = of_length(field.length());
                Self { attribute, ..Self::simple("string", "String", definition) }
            }
            Kind::Text => Self { attribute: attribute("Text"), ..Self::simple("text", "String", define("text")) },
            Kind::Int => Self::simple("int", "i32", define("integer")),
            Kind::Bigint => Self::simple("bigint", "i64", define("big_integer")),
            Kind::Float => Self::simple("float", "f64", define("double")),
            Kind::Bool => Self::simple("bool", "bool", define("boolean")),
            Kind::Uuid => Self::simple("uuid", "Uuid", define("uuid")),
            Kind::Decimal => {
                let amount = if field.min.as_deref() == Some("0.01") { "Price" } else { "Tax" };
                Self::converted("decimal", [amount, amount, "i64"], define("big_integer"))
            }
            Kind::Date => Self::converted("date", ["Date", "NaiveDate", "Date"], define("date")),
            Kind::Datetime => {
                let types = ["Timestamp", "DateTime<Utc>", "DateTimeUtc"];
                Self::converted("datetime", types, define("timestamp_with_time_zone"))
            }
            Kind::Json => {
                let object = "Map<String, Value>";
                let types = Self::converted("json", [object, object, "Json"], define("json_binary"));
                Self { attribute: attribute("JsonBinary"), ..types }
            }
            Kind::Enum(values) => {
                let longest = values.iter().map(String::len).max().unwrap_or(1).max(20);
                let (attribute, definition) = of_length(u32::try_from(longest).unwrap_or(u32::MAX));
                Self { attribute, ..Self::converted("enum", [enum_name, "String", "String"], definition) }
            }
            Kind::Ref(_) => Self::simple("ref", "Uuid", define("uuid")),
            Kind::User => Self::simple("user", "Uuid", define("uuid")),
        };
        Self { validate: validate(field, column), ..types }
    }
}

/// The rules of a field, or nothing.
fn validate(field: &Field, column: &str) -> String {
    match (&field.kind, &field.max) {
        (Kind::String, _) => validate_text(field, field.length(), "LINE"),
        (Kind::Text, max) => validate_text(field, max.as_ref().map_or(10_000, |_| field.length()), "LINES"),
        (Kind::Json, _) => "#[validate(custom(function = \"without_nul\"))]".to_owned(),
        (Kind::Decimal, Some(max)) => format!(
            "#[validate(custom(function = \"{column}_in_range\"))]\n    #[schemars(extend(\"maximum\" = {}))]",
            separated(max)
        ),
        (Kind::Int | Kind::Bigint | Kind::Float, _) if field.min.is_some() || field.max.is_some() => {
            let point = |value: &str| if field.kind == Kind::Float && !value.contains('.') { ".0" } else { "" };
            let end = |key: &str, value: &Option<String>| {
                value.as_ref().map(|value| format!("{key} = {}{}", separated(value), point(value)))
            };
            let ends: Vec<String> = [end("min", &field.min), end("max", &field.max)].into_iter().flatten().collect();
            format!("#[validate(range({}))]", ends.join(", "))
        }
        _ => String::new(),
    }
}

/// `100_000`, as long literals are written.
pub fn separated(number: &str) -> String {
    let (whole, places) =
        number.split_once('.').map_or((number, String::new()), |(whole, places)| (whole, format!(".{places}")));
    let digits = whole.trim_start_matches('-');
    if digits.len() < 6 {
        return number.to_owned();
    }
    let mut out = whole[..whole.len() - digits.len()].to_owned();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push('_');
        }
        out.push(digit);
    }
    out + &places
}

/// The amount in minor units: cents.
pub fn minor_units(amount: &str) -> i64 {
    let (whole, places) = amount.split_once('.').unwrap_or((amount, ""));
    format!("{whole}{places:0<2}").parse().unwrap_or(i64::MAX)
}

fn validate_text(field: &Field, max: u32, pattern: &str) -> String {
    let min = field.min.as_ref().filter(|min| *min != "0").map(|min| format!("min = {min}, ")).unwrap_or_default();
    format!("#[validate(length({min}max = {max}), regex(path = *{pattern}))]")
}

/// How a value gets from requests into columns, and from columns into responses.
pub struct Expressions {
    /// The value of the column, from a request to create.
    pub create: String,
    /// The same from a request to change, with the row as `old`.
    pub update: String,
    /// The value of a response, from the column.
    pub read: String,
}

impl Expressions {
    /// Those of a field.
    pub fn of(field: &Field, column: &str) -> Self {
        let own = column.to_owned();
        // A function to the column, the same as a call, and a function from the column.
        let (into, call, from) = match field.kind {
            Kind::Decimal => ("Amount::minor_units", ".minor_units()", "Amount::from_minor_units"),
            Kind::Date | Kind::Datetime => ("Into::into", ".into()", ""),
            Kind::Enum(_) => ("", ".as_str().to_owned()", ""),
            Kind::Json => ("Value::Object", "", "object"),
            _ => return Self { create: own.clone(), update: format!("{own}.unwrap_or(old.{own})"), read: own },
        };
        let function = if into.is_empty() { format!("|{own}| {own}{call}") } else { into.to_owned() };
        let mapped = format!("{own}.map({function})");
        let one = if call.is_empty() { format!("{into}({own})") } else { format!("{own}{call}") };
        let (create, changed) =
            if field.optional { (mapped.clone(), format!("|{own}| {mapped}")) } else { (one, function) };
        let read = match (from, field.optional) {
            ("", _) => own.clone(),
            (from, true) => format!("{own}.map({from})"),
            (from, false) => format!("{from}({own})"),
        };
        Self { create, update: format!("{own}.map_or(old.{own}, {changed})"), read }
    }
}
