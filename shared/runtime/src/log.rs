use tracing_subscriber::EnvFilter;

/// One JSON object a line on standard output, which Lambda puts into the function's log group.
pub(crate) fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // A second call, by a test say, changes nothing.
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .with_target(false)
        .try_init()
        .ok();
}
