//! Expands the loops of a template, as the transform `AWS::LanguageExtensions` does.

use serde_json::{Map, Value};

const LOOP: &str = "Fn::ForEach::";

/// Expands every `Fn::ForEach` in a template, and looks up the mappings that its content names.
///
/// Works on a template whose tags are dropped: `!Ref Each` is the text `Each`, so the name of a
/// loop's variable must not be a text elsewhere. A loop over a parameter runs once, with the parameter's name.
///
/// # Panics
///
/// If a loop is malformed.
pub(crate) fn expand(template: &Value) -> Value {
    Expansion { mappings: &template["Mappings"], bound: Vec::new() }.of(template)
}

/// A part of a template, with the variables of the loops around it.
struct Expansion<'a> {
    mappings: &'a Value,
    bound: Vec<(String, String)>,
}

impl Expansion<'_> {
    fn of(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.substitute(text)),
            Value::Array(values) => {
                let values: Vec<Value> = values.iter().map(|value| self.of(value)).collect();
                self.look_up(&values).or_else(|| fill_in(&values)).unwrap_or(Value::Array(values))
            }
            // The long form of a reference.
            Value::Object(fields) if fields.len() == 1 && fields.contains_key("Ref") => {
                self.of(&fields["Ref"])
            }
            Value::Object(fields) => {
                let mut expanded = Map::new();
                for (name, value) in fields {
                    if name.starts_with(LOOP) {
                        expanded.extend(self.repeat(value));
                    } else {
                        expanded.insert(self.substitute(name), self.of(value));
                    }
                }
                Value::Object(expanded)
            }
            other => other.clone(),
        }
    }

    /// What a loop creates for each of its values.
    fn repeat(&self, parts: &Value) -> Vec<(String, Value)> {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let values = match &parts[1] {
            Value::Array(values) => values.iter().map(text).collect(),
            parameter => vec![text(parameter)],
        };
        let bodies = values.into_iter().map(|value| {
            let mut bound = self.bound.clone();
            bound.push((text(&parts[0]), value));
            Expansion { mappings: self.mappings, bound }.of(&parts[2])
        });
        bodies.flat_map(|body| body.as_object().cloned().expect("a fragment")).collect()
    }

    fn substitute(&self, text: &str) -> String {
        self.bound.iter().fold(text.to_owned(), |text, (variable, value)| {
            if text == *variable { value.clone() } else { replace(&text, variable, value) }
        })
    }

    /// The value that a `!FindInMap` names, or its default.
    fn look_up(&self, values: &[Value]) -> Option<Value> {
        let [map, key, name, default @ ..] = values else { return None };
        let keys = self.mappings.get(map.as_str()?)?.get(key.as_str()?)?;
        let found = keys.get(name.as_str()?).or_else(|| default.first()?.get("DefaultValue"));
        found.cloned()
    }
}

/// The text of a `!Sub` with a list of variables, if all of them are texts.
fn fill_in(values: &[Value]) -> Option<Value> {
    let [Value::String(text), Value::Object(variables)] = values else { return None };
    let mut text = text.clone();
    for (variable, value) in variables {
        text = replace(&text, variable, value.as_str()?);
    }
    Some(Value::String(text))
}

fn replace(text: &str, variable: &str, value: &str) -> String {
    text.replace(&format!("${{{variable}}}"), value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn loops_repeat_their_content_in_keys_references_and_texts() {
        let template = json!({
            "Mappings": { "Names": { "A": { "Name": "a", "Size": 1 }, "B": { "Name": "b" } } },
            "Resources": {
                "Fn::ForEach::Outer": ["Each", ["A", "B"], {
                    "Fn::ForEach::Inner": ["Kind", ["X"], {
                        "${Each}${Kind}": {
                            "Role": { "Ref": ["Names", "Each", "Name"] },
                            "Text": ["${Each}-${Name}", { "Name": ["Names", "Each", "Name"] }],
                            "Size": ["Names", "Each", "Size", { "DefaultValue": "Kind" }],
                        },
                    }],
                }],
                "Fn::ForEach::Given": ["Each", "Parameter", { "Of${Each}": ["Each", "Each"] }],
            },
        });
        let expected = json!({
            "AX": { "Role": "a", "Text": "A-a", "Size": 1 },
            "BX": { "Role": "b", "Text": "B-b", "Size": "X" },
            "OfParameter": ["Parameter", "Parameter"],
        });
        assert_eq!(expand(&template)["Resources"], expected);
    }
}
