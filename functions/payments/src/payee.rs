use serde::Serialize;
use storage::payees::Payee;
use utoipa::ToSchema;

/// Whether a sitter can be paid.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Onboarding)]
pub(crate) struct View {
    /// `none` before the sitter has begun, `pending` while Stripe asks for something, `enabled` when it pays.
    #[schema(value_type = String, example = "enabled")]
    state: &'static str,
}

impl View {
    pub(crate) fn of(payee: Option<&Payee>) -> Self {
        let state = match payee {
            None => "none",
            Some(payee) if payee.payouts_enabled => "enabled",
            Some(_) => "pending",
        };
        Self { state }
    }
}
