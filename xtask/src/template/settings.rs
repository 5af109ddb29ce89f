//! Settings of parts that are left out, in the files that list settings.
//!
//! A key is `section` or `section.key`.

/// What a line of a file of settings is.
#[derive(PartialEq)]
enum Line {
    /// Belongs to the setting below it.
    Comment,
    /// A setting that is left out.
    Out,
    Kept,
}

/// The text without the lines that are left out, and the comments above them.
fn without(text: &str, mut line_of: impl FnMut(&str) -> Line) -> String {
    let (mut out, mut comments) = (Vec::new(), Vec::new());
    for line in text.lines() {
        match line_of(line) {
            Line::Comment => comments.push(line),
            Line::Out => comments.clear(),
            Line::Kept => {
                out.append(&mut comments);
                out.push(line);
            }
        }
    }
    out.append(&mut comments);
    joined(&out)
}

/// A TOML file without these keys, and the comments above them.
pub fn without_toml(text: &str, keys: &[&str]) -> String {
    let mut section = String::new();
    without(text, |line| {
        if line.starts_with('[') {
            line.trim_matches(['[', ']']).clone_into(&mut section);
        }
        let key = line.trim_start_matches("# ").split_once(" = ").map(|(key, _)| key);
        let key = key.filter(|key| !key.contains(' '));
        let name = key.map(|key| format!("{section}.{key}"));
        if line.starts_with('#') && key.is_none() {
            Line::Comment
        } else if keys.contains(&&*section) || name.is_some_and(|name| keys.contains(&&*name)) {
            Line::Out
        } else {
            Line::Kept
        }
    })
}

/// A file of variables without those of these keys. A comment belongs to the variables below it.
pub fn without_variables(text: &str, keys: &[&str]) -> String {
    let prefixes: Vec<String> = keys
        .iter()
        .map(|key| match key.split_once('.') {
            Some((section, key)) => format!("# APP__{section}__{key}=").to_uppercase(),
            None => format!("# APP__{key}__").to_uppercase(),
        })
        .collect();
    without(text, |line| {
        if line.starts_with('#') && !line.starts_with("# APP__") && (line.starts_with("# ") || !line.contains('=')) {
            Line::Comment
        } else if prefixes.iter().any(|prefix| line.starts_with(prefix)) {
            Line::Out
        } else {
            Line::Kept
        }
    })
}

/// The generated page of settings without these.
pub fn without_rows(text: &str, keys: &[&str]) -> String {
    let mut out: Vec<&str> = Vec::new();
    let mut section = "";
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            section = name;
        }
        let key = line.strip_prefix("| `").and_then(|row| row.split('`').next());
        let name = key.map(|key| format!("{section}.{key}"));
        if !keys.contains(&section) && !name.is_some_and(|name| keys.contains(&&*name)) {
            out.push(line);
        }
    }
    joined(&out)
}

/// The lines, with one empty line where several follow each other.
fn joined(lines: &[&str]) -> String {
    let mut text = String::new();
    let mut was_empty = true;
    for line in lines {
        if !(line.is_empty() && was_empty) {
            text.push_str(line);
            text.push('\n');
        }
        was_empty = line.is_empty();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_goes_with_its_comment() {
        let toml = "[a]\n# X.\nx = 1\n# Y.\n# y = 2\n\n[b]\n# Z.\nz = 3\n\n[c]\nw = 4\n";
        assert_eq!(without_toml(toml, &["a.y", "b"]), "[a]\n# X.\nx = 1\n\n[c]\nw = 4\n");
        let variables = "# X.\n# APP__A__X=1\n# Y.\n# APP__A__Y=2\n\n# Z.\n# APP__B__Z=3\n# APP__B__V=3\n\n# W.\nW=4\n";
        assert_eq!(without_variables(variables, &["a.y", "b"]), "# X.\n# APP__A__X=1\n\n# W.\nW=4\n");
        let page = "## a\n\n| `x` | 1 |\n| `y` | 2 |\n\n## b\n\n| `z` | 3 |\n\n## c\n";
        assert_eq!(without_rows(page, &["a.y", "b"]), "## a\n\n| `x` | 1 |\n\n## c\n");
    }
}
