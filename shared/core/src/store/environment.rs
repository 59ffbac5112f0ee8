//! Settings from the process's environment or from a test.

use std::collections::HashMap;
use std::fmt;

type Lookup = dyn Fn(&str) -> Option<String>;

/// The source of settings. An empty value counts as missing.
pub struct Environment(Box<Lookup>);

/// A setting that is missing or has an invalid value.
///
/// `Debug` prints the same text as `Display`, because a failing `main` prints `Debug`.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} {problem}")]
pub struct InvalidSetting {
    /// The environment variable.
    pub variable: &'static str,
    /// The problem and the expected value.
    pub problem: String,
}

impl fmt::Debug for InvalidSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Environment {
    /// Reads the process's environment, which happens only here.
    pub fn of_process() -> Self {
        Self::new(|variable| std::env::var(variable).ok())
    }

    /// Reads settings with `lookup`.
    pub fn new(lookup: impl Fn(&str) -> Option<String> + 'static) -> Self {
        Self(Box::new(lookup))
    }

    /// Returns the value of a variable, or `None` if it is missing or empty.
    pub fn text(&self, variable: &str) -> Option<String> {
        (self.0)(variable).filter(|value| !value.is_empty())
    }

    /// Returns the value of a required variable; `hint` states who sets it, or to what.
    ///
    /// # Errors
    ///
    /// Names the variable.
    pub fn required(&self, variable: &'static str, hint: &str) -> Result<String, InvalidSetting> {
        self.text(variable)
            .ok_or_else(|| InvalidSetting { variable, problem: format!("is missing; {hint}") })
    }

    /// Parses a variable's value with `parse`, which accepts what `expected` describes.
    ///
    /// # Errors
    ///
    /// Names the variable and the expected value.
    pub fn parse<T>(
        &self,
        variable: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, InvalidSetting> {
        self.read(variable, |value| {
            parse(value).ok_or_else(|| format!("must be {expected}, not {value:?}"))
        })
    }

    /// Reads a variable's value with `read`, whose error becomes the problem.
    ///
    /// # Errors
    ///
    /// Names the variable.
    pub fn read<T, E: ToString>(
        &self,
        variable: &'static str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, InvalidSetting> {
        let Some(value) = self.text(variable) else { return Ok(None) };
        match read(&value) {
            Ok(value) => Ok(Some(value)),
            Err(problem) => Err(InvalidSetting { variable, problem: problem.to_string() }),
        }
    }
}

/// Contains exactly these variables.
impl<V: Into<String>> FromIterator<(V, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (V, V)>>(variables: I) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        let variables: HashMap<String, String> = variables.collect();
        Self::new(move |variable| variables.get(variable).cloned())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}
