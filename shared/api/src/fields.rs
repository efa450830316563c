use domain::Violation;

use crate::{FieldProblem, Problem};

/// Collects what is wrong with a request, so that its sender learns of everything at once.
///
/// ```
/// # use api::Fields;
/// # use domain::upload::{FileSize, Purpose};
/// # fn handler() -> Result<(), api::Problem> {
/// let mut fields = Fields::default();
/// let purpose = fields.take("/purpose", Purpose::parse("avatar"));
/// let size = fields.take("/size_bytes", FileSize::parse(1));
/// let (Some(purpose), Some(size)) = (purpose, size) else { return Err(fields.into_problem()) };
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Fields(Vec<FieldProblem>);

impl Fields {
    /// The value of a field, or a note of what is wrong with it.
    pub fn take<T>(&mut self, pointer: &str, parsed: Result<T, Violation>) -> Option<T> {
        parsed.map_err(|violation| self.0.push(FieldProblem::new(pointer, violation))).ok()
    }

    /// The value of a field that may be left out: `None` where it is wrong.
    pub fn take_optional<T>(
        &mut self,
        pointer: &str,
        parsed: Option<Result<T, Violation>>,
    ) -> Option<Option<T>> {
        parsed.map(|parsed| self.take(pointer, parsed)).map_or(Some(None), |value| value.map(Some))
    }

    /// The values of a list of at most `max`, each of which is pointed at by its place in it.
    pub fn take_all<T>(
        &mut self,
        pointer: &str,
        raw: &[String],
        max: usize,
        parse: impl Fn(&str) -> Result<T, Violation>,
    ) -> Option<Vec<T>> {
        if raw.len() > max {
            let violation = Violation::new("too_many", format!("must be at most {max}"));
            return self.take(pointer, Err(violation));
        }
        let read = |(index, raw): (usize, &String)| self.take(&format!("{pointer}/{index}"), parse(raw));
        let all: Vec<Option<T>> = raw.iter().enumerate().map(read).collect();
        all.into_iter().collect()
    }

    /// Everything that is wrong.
    pub fn into_problem(self) -> Problem {
        Problem::invalid(self.0)
    }
}
