//! Fields as they are written on the command line: `title:string:1..80!`, `state:enum(draft,live)`, `board:ref(board)?`.

use anyhow::{Context, Result, bail};

/// The type of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// One line.
    String,
    /// Several lines.
    Text,
    /// 32 bits.
    Int,
    /// 64 bits.
    Bigint,
    /// Money, exact to two places.
    Decimal,
    Float,
    Bool,
    Uuid,
    Date,
    Datetime,
    /// A JSON object.
    Json,
    /// One of these names.
    Enum(Vec<String>),
    /// A row of another resource.
    Ref(String),
    /// The user who owns the row.
    User,
}

/// A field.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub name: String,
    pub kind: Kind,
    /// `?`
    pub optional: bool,
    /// `!`
    pub unique: bool,
    /// The least length or value, as written.
    pub min: Option<String>,
    /// The greatest length or value, as written.
    pub max: Option<String>,
}

/// The columns that every resource has.
const OWN_COLUMNS: [&str; 4] = ["id", "version", "created_at", "updated_at"];
/// Names that Rust, SQL or the generated code use themselves.
const RESERVED: &str = "abstract all and any as asc async await become between box break by case check column const \
    constraint continue crate create cross data db default delete desc distinct do drop dyn else end enum exists extern \
    false final fn for foreign from full group gen having if impl in index inner insert into is join key kind left let \
    like limit loop macro match mod move mut natural not null now offset on or order outer override paging priv primary \
    pub references ref return right select self set static struct super table then to trait true try type typeof union \
    unique unsafe unsized update use user using values virtual when where while with yield caller client expected \
    transaction now old data";

/// Whether the text is a name in snake case that can be used in Rust and SQL.
///
/// # Errors
/// Says why it is not.
pub fn check_name(name: &str) -> Result<()> {
    let is_snake = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if !is_snake
        || !name.starts_with(|first: char| first.is_ascii_lowercase())
        || name.ends_with('_')
        || name.contains("__")
    {
        bail!("`{name}` is not a name in snake case, such as published_at");
    }
    if name.len() > 30 {
        bail!("`{name}` is longer than 30 characters");
    }
    if RESERVED.split_whitespace().any(|word| word == name) {
        bail!("`{name}` is a reserved word of Rust or SQL: choose another name");
    }
    Ok(())
}

/// The same for the name of a resource. `order` is reserved in SQL, but no table or column has the name of one.
///
/// # Errors
/// Says why it is not.
pub fn check_resource_name(name: &str) -> Result<()> {
    if ["group", "order"].contains(&name) { Ok(()) } else { check_name(name) }
}

impl Field {
    /// Parses `name:type`, with `(…)`, a range, `?` and `!` where they apply.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        Self::read(text).with_context(|| format!("field `{text}`"))
    }

    fn read(text: &str) -> Result<Self> {
        let mut rest = text;
        let (mut optional, mut unique) = (false, false);
        while let Some(last) = rest.chars().last().filter(|last| matches!(last, '?' | '!')) {
            let flag = if last == '?' { &mut optional } else { &mut unique };
            if std::mem::replace(flag, true) {
                bail!("`{last}` is there twice");
            }
            rest = &rest[..rest.len() - 1];
        }
        let (name, rest) = rest.split_once(':').context("expected NAME:TYPE, such as title:string:1..80")?;
        if OWN_COLUMNS.contains(&name) {
            bail!("every resource has `{name}` already");
        }
        let (kind, range) = match rest.find(')') {
            Some(end) => (&rest[..=end], rest[end + 1..].strip_prefix(':')),
            None => rest.split_once(':').map_or((rest, None), |(kind, range)| (kind, Some(range))),
        };
        let kind = read_kind(kind)?;
        if matches!(kind, Kind::Ref(_)) { check_resource_name(name) } else { check_name(name) }?;
        let (min, max) = range.map_or(Ok((None, None)), |range| read_range(range, &kind))?;
        if unique && !matches!(kind, Kind::String | Kind::Int | Kind::Bigint | Kind::Uuid) {
            bail!("`!` is for string, int, bigint and uuid");
        }
        if unique && kind == Kind::String && max.as_deref() == Some("1") {
            bail!("a unique text has two characters or more: its tests need more values");
        }
        if kind == Kind::User && (optional || unique) {
            bail!("the owner is neither optional nor unique");
        }
        Ok(Self { name: name.to_owned(), kind, optional, unique, min, max })
    }

    /// The name of the column, which is also that of the member in JSON.
    pub fn column(&self) -> String {
        match self.kind {
            Kind::Ref(_) | Kind::User if !self.name.ends_with("_id") => format!("{}_id", self.name),
            _ => self.name.clone(),
        }
    }

    /// The length that a string is stored with.
    pub fn length(&self) -> u32 {
        self.max.as_ref().and_then(|max| max.parse().ok()).unwrap_or(255)
    }
}

fn read_kind(text: &str) -> Result<Kind> {
    let (name, inside) = match text.split_once('(') {
        Some((name, inside)) => (name, Some(inside.strip_suffix(')').context("`(` without `)`")?)),
        None => (text, None),
    };
    Ok(match (name, inside) {
        ("string", None) => Kind::String,
        ("text", None) => Kind::Text,
        ("int", None) => Kind::Int,
        ("bigint", None) => Kind::Bigint,
        ("decimal", None) => Kind::Decimal,
        ("float", None) => Kind::Float,
        ("bool", None) => Kind::Bool,
        ("uuid", None) => Kind::Uuid,
        ("date", None) => Kind::Date,
        ("datetime", None) => Kind::Datetime,
        ("json", None) => Kind::Json,
        ("user", None) => Kind::User,
        ("ref", Some("user")) => bail!("the owner is a field of type user: owner:user"),
        ("ref", Some(other)) => {
            check_resource_name(other)?;
            Kind::Ref(other.to_owned())
        }
        ("ref", None) => bail!("expected the resource that it refers to: ref(board)"),
        ("enum", None) => bail!("expected the values: enum(draft,live)"),
        ("enum", Some(values)) => {
            let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
            for (index, value) in values.iter().enumerate() {
                check_name(value).with_context(|| format!("value `{value}`"))?;
                if values[..index].contains(value) {
                    bail!("the value `{value}` is there twice");
                }
            }
            if values.len() < 2 {
                bail!("an enum has at least two values");
            }
            Kind::Enum(values)
        }
        (other, _) => bail!(
            "unknown type `{other}`: the types are string, text, int, bigint, decimal, float, bool, uuid, date, datetime, \
             json, enum(a,b), ref(resource) and user"
        ),
    })
}

/// `1..80`, `1..` or `..80`, both ends included.
fn read_range(text: &str, kind: &Kind) -> Result<(Option<String>, Option<String>)> {
    let (min, max) = text.split_once("..").context("expected a range, such as 1..80, 1.. or ..80")?;
    let end = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let (min, max) = (end(min), end(max));
    let (low, high): (f64, f64) = match kind {
        Kind::String => (0.0, 10_000.0),
        Kind::Text => (0.0, 1_000_000.0),
        Kind::Int => (f64::from(i32::MIN), f64::from(i32::MAX)),
        Kind::Bigint => (-9_007_199_254_740_991.0, 9_007_199_254_740_991.0),
        Kind::Decimal => (0.0, 9_999_999_999.99),
        Kind::Float => (f64::MIN, f64::MAX),
        _ => bail!("only string, text, int, bigint, decimal and float have a range"),
    };
    let mut numbers = Vec::new();
    for number in [&min, &max].into_iter().flatten() {
        let is_whole = !matches!(kind, Kind::Decimal | Kind::Float);
        let value: f64 = number
            .parse()
            .ok()
            .filter(|value: &f64| value.is_finite())
            .with_context(|| format!("`{number}` is not a number"))?;
        if is_whole && number.parse::<i64>().is_err() {
            bail!("`{number}` is not a whole number");
        }
        if *kind == Kind::Decimal && number.split_once('.').is_some_and(|(_, places)| places.len() > 2) {
            bail!("`{number}` has more than two decimal places");
        }
        if !(low..=high).contains(&value) {
            bail!("`{number}` is not between {low} and {high}");
        }
        numbers.push(value);
    }
    match numbers[..] {
        [] => bail!("a range has at least one end"),
        [low, high] if low > high => bail!("the range is empty"),
        _ => {}
    }
    if *kind == Kind::Decimal && min.as_deref().is_some_and(|min| !matches!(min, "0" | "0.01")) {
        bail!("a decimal begins at 0 or at 0.01");
    }
    if matches!(kind, Kind::String | Kind::Text) && max.as_deref() == Some("0") {
        bail!("the range is empty");
    }
    Ok((min, max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_parsed_with_range_and_flags() -> Result<()> {
        let field = Field::parse("title:string:1..80!")?;
        assert_eq!(
            (field.name.as_str(), &field.kind, field.optional, field.unique),
            ("title", &Kind::String, false, true)
        );
        assert_eq!((field.min.as_deref(), field.max.as_deref()), (Some("1"), Some("80")));
        assert!(Field::parse("price:decimal?")?.optional);
        assert_eq!(Field::parse("state:enum(draft,live)")?.kind, Kind::Enum(vec!["draft".into(), "live".into()]));
        assert_eq!(Field::parse("board:ref(board)?")?.column(), "board_id");
        assert_eq!(Field::parse("order:ref(order)")?.column(), "order_id");
        assert_eq!(Field::parse("n:int:-5..")?.min.as_deref(), Some("-5"));
        Ok(())
    }

    #[test]
    fn invalid_fields_are_refused_with_the_reason() {
        for (text, reason) in [
            ("title", "NAME:TYPE"),
            ("Title:string", "snake case"),
            ("type:string", "reserved"),
            ("id:uuid", "already"),
            ("title:varchar", "unknown type `varchar`"),
            ("title:string:5..1", "empty"),
            ("title:string:1.5..2", "whole number"),
            ("title:string:1", "expected a range"),
            ("flag:bool:1..2", "only string"),
            ("state:enum(draft)", "two values"),
            ("state:enum(draft,draft)", "twice"),
            ("state:enum", "expected the values"),
            ("board:ref", "expected the resource"),
            ("owner:ref(user)", "owner:user"),
            ("owner:user?", "neither"),
            ("price:decimal!", "`!` is for"),
            ("price:decimal:5..9", "begins at 0"),
            ("title:string??", "twice"),
        ] {
            let error = Field::parse(text).err().map(|error| format!("{error:#}")).unwrap_or_default();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
