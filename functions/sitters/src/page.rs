use api::{App, Problem, SitterCard};
use domain::search::Page;
use serde::Serialize;
use utoipa::ToSchema;

/// A page of sitters.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SitterPage)]
pub struct PageView {
    /// In the order that was asked for.
    items: Vec<SitterCard>,
    /// For the next page, if there is one.
    next_cursor: Option<String>,
}

impl PageView {
    /// With the cursor for what comes after, which belongs to that question.
    pub(crate) async fn new(app: &App, page: Page, question: &str) -> Result<Self, Problem> {
        let next_cursor = next_cursor(app, &page, question).await?;
        Ok(Self { items: SitterCard::all(app, page.hits).await?, next_cursor })
    }
}

pub(crate) async fn next_cursor(app: &App, page: &Page, question: &str) -> Result<Option<String>, Problem> {
    match page.hits.last().filter(|_| page.has_more) {
        Some(last) => Ok(Some(app.cursors().await?.seal(question, &last.position.encode()))),
        None => Ok(None),
    }
}
