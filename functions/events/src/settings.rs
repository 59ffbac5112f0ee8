//! The deployment's settings: read from the environment once, at startup.

use latchkey::store::environment::{Environment, InvalidSetting};

/// A deployment's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `LATCHKEY_EVENT_BUS`: the name of the bus, in the function's account and region.
    pub bus: String,
}

impl Settings {
    /// Reads the settings from `environment`.
    ///
    /// # Errors
    ///
    /// Names the variable if it is missing or its value is not a name that a bus can have.
    pub fn from_environment(environment: &Environment) -> Result<Self, InvalidSetting> {
        let expected = "the name of an event bus: 1 to 256 letters, digits, or ._-";
        let bus = environment.parse("LATCHKEY_EVENT_BUS", expected, |name| {
            is_bus_name(name).then(|| name.to_owned())
        })?;
        let missing = || environment.required("LATCHKEY_EVENT_BUS", "set it to the event bus");
        Ok(Self { bus: bus.map_or_else(missing, Ok)? })
    }
}

/// Whether a bus that accounts create can have this name, by the API reference of `CreateEventBus`. Only the
/// buses of partners have a slash in theirs.
fn is_bus_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=256).contains(&name.len()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(bus: &'static str) -> Result<Settings, InvalidSetting> {
        Settings::from_environment(&Environment::from_iter([("LATCHKEY_EVENT_BUS", bus)]))
    }

    #[test]
    fn a_bus_has_a_name() {
        assert_eq!(settings("default").expect("a name").bus, "default");
        assert!(settings("Audit.of_acme-2").is_ok());
        for bad in ["", "a/b", "arn:aws:events:us-east-1:123456789012:event-bus/a", "a b"] {
            assert_eq!(settings(bad).expect_err(bad).variable, "LATCHKEY_EVENT_BUS");
        }
    }
}
