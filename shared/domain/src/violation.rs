use std::borrow::Cow;

/// Why a raw value is not what it has to be.
///
/// The message is written for the person who filled in the form. It never repeats the value, which
/// may be a password or somebody's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Violation {
    /// Stable and machine-readable, e.g. `too_long`.
    pub code: &'static str,
    /// One sentence without a full stop.
    pub message: Cow<'static, str>,
    /// Where in the raw text, in Unicode code points from 0; `None` if the whole value is wrong.
    pub position: Option<usize>,
}

impl Violation {
    /// A violation with its stable code and its sentence.
    pub fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), position: None }
    }

    /// The violation with its position in the raw text, in Unicode code points from 0.
    #[must_use]
    pub fn at(self, position: usize) -> Self {
        Self { position: Some(position), ..self }
    }
}
