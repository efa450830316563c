/// A setting that the process cannot do without.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {0} is not set; the template sets it for the functions that need it")]
pub struct Missing(pub &'static str);

/// The value of a variable that must be set.
pub fn required(name: &'static str) -> Result<String, Missing> {
    optional(name).ok_or(Missing(name))
}

/// The value of a variable; an empty one counts as not set, as parameters of a template cannot be
/// left out.
pub fn optional(name: &'static str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
