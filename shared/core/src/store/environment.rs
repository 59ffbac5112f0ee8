//! Settings from outside: the process's environment, or a test's own.

use std::collections::HashMap;
use std::fmt;

type Lookup = dyn Fn(&str) -> Option<String>;

/// Where settings come from. An empty value counts as absent.
pub struct Environment(Box<Lookup>);

/// A setting that is missing or has a bad value.
///
/// `Debug` reads like `Display`: it is what a failed `main` prints.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct InvalidSetting {
    /// The environment variable.
    pub variable: &'static str,
    /// What is wrong with it, and what it should be.
    pub problem: String,
}

impl fmt::Debug for InvalidSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Environment {
    /// The process's environment: the one place where it is read.
    pub fn of_process() -> Self {
        Self::new(|variable| std::env::var(variable).ok())
    }

    /// Settings by `lookup`.
    pub fn new(lookup: impl Fn(&str) -> Option<String> + 'static) -> Self {
        Self(Box::new(lookup))
    }

    /// The text of a variable; `None` if it is absent or empty.
    pub fn text(&self, variable: &str) -> Option<String> {
        (self.0)(variable).filter(|value| !value.is_empty())
    }

    /// The text of a variable that must be there; `hint` says who sets it, or to what.
    ///
    /// # Errors
    ///
    /// Names the variable.
    pub fn required(&self, variable: &'static str, hint: &str) -> Result<String, InvalidSetting> {
        self.text(variable)
            .ok_or_else(|| InvalidSetting { variable, problem: format!("is missing; {hint}") })
    }

    /// A variable's value as `parse` reads it, which takes what `expected` says.
    ///
    /// # Errors
    ///
    /// Names the variable and what it must be.
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

    /// A variable's value as `read` reads it, whose error is the problem.
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

/// These variables and no others.
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
