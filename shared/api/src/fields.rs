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

    /// The values of a list, each parsed by itself: what is wrong is pointed at by its place.
    pub fn take_all<T>(
        &mut self,
        pointer: &str,
        raw: &[String],
        at_most: usize,
        parse: impl Fn(&str) -> Result<T, Violation>,
    ) -> Option<Vec<T>> {
        if raw.len() > at_most {
            return self.take(pointer, Err(Violation::new("too_many", format!("must be at most {at_most}"))));
        }
        let taken: Vec<_> = raw
            .iter()
            .enumerate()
            .map(|(place, raw)| self.take(&format!("{pointer}/{place}"), parse(raw)))
            .collect();
        taken.into_iter().collect()
    }

    /// The values of a parameter that lists them with commas; none where it is left out.
    pub fn take_list<T>(
        &mut self,
        name: &str,
        raw: Option<&str>,
        at_most: usize,
        parse: impl Fn(&str) -> Result<T, Violation>,
    ) -> Option<Vec<T>> {
        let Some(raw) = raw else { return Some(Vec::new()) };
        let parsed = raw.split(',').take(at_most + 1).map(|each| parse(each.trim()));
        match parsed.collect::<Result<Vec<_>, _>>() {
            Ok(values) if values.len() > at_most => {
                self.take(name, Err(Violation::new("too_many", format!("must be at most {at_most}"))))
            }
            values => self.take(name, values),
        }
    }

    /// Everything that is wrong.
    pub fn into_problem(self) -> Problem {
        Problem::invalid(self.0)
    }
}
