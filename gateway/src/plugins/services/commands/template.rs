//! Argument templates.

/// The arguments of a template.
///
/// # Errors
/// Says which name is missing, unknown, doubled or unfit.
pub(super) fn fill(template: &[String], given: &[(String, String)]) -> Result<Vec<String>, String> {
    for (index, (name, value)) in given.iter().enumerate() {
        if given[..index].iter().any(|(other, _)| other == name) {
            return Err(format!("argument {name:?} is given twice"));
        }
        if !template
            .iter()
            .any(|text| text.contains(&format!("{{{name}}}")))
        {
            return Err(format!("the command has no argument {name:?}"));
        }
        if value.contains('\0') {
            return Err(format!("argument {name:?} has a NUL character"));
        }
    }
    let mut options_ended = false;
    let mut filled = Vec::with_capacity(template.len());
    for text in template {
        let argument = expand(text, given)?;
        if !options_ended && text.starts_with('{') && argument.starts_with('-') {
            return Err(format!(
                "argument {text} may not begin with \"-\": it would be read as an option"
            ));
        }
        options_ended |= text == "--";
        filled.push(argument);
    }
    Ok(filled)
}

/// One argument: values are put in once, and are not looked at again. Braces around something that is no name stay.
fn expand(text: &str, given: &[(String, String)]) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at..];
        let name = rest[1..]
            .split_once('}')
            .map(|(name, _)| name)
            .filter(|name| is_name(name));
        let Some(name) = name else {
            expanded.push('{');
            rest = &rest[1..];
            continue;
        };
        let value = given.iter().find(|(other, _)| other == name);
        let (_, value) = value.ok_or_else(|| format!("argument {name:?} is missing"))?;
        expanded.push_str(value);
        rest = &rest[name.len() + 2..];
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}
