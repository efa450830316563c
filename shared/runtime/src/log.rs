use std::{
    io::{self, Write},
    panic::{self, PanicHookInfo},
};

use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, util::SubscriberInitExt};

/// Writes one JSON object a line to standard output, which Lambda puts into the function's log group.
pub(crate) fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // A second call, by a test say, changes nothing.
    subscriber(filter, io::stdout).try_init().ok();
    panic::set_hook(Box::new(report));
}

/// Logs a panic as everything else. A formatted message may repeat what came from outside, so only a constant one is
/// logged.
fn report(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(tracing::field::display);
    tracing::error!(location, reason = panic.payload().downcast_ref::<&'static str>(), "panic");
}

fn subscriber<W: Write + 'static>(
    filter: EnvFilter,
    writer: impl Fn() -> W + Send + Sync + 'static,
) -> impl Subscriber + Send + Sync {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .with_target(false)
        .with_writer(move || Ascii(writer()))
        .finish()
}

/// Escapes everything but printable ASCII and the end of the line. JSON itself escapes only the control characters
/// below U+0020; text from outside, such as a user agent or a name at Stripe, may also have a terminal's control
/// sequences (U+009B), line separators, or directional marks that make a line look like another.
struct Ascii<W>(W);

impl<W: Write> Write for Ascii<W> {
    /// The formatter hands over whole lines. What is not ASCII is within the strings of the JSON.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut escaped = String::with_capacity(line.len());
        for c in String::from_utf8_lossy(line).chars() {
            if c == '\n' || (' '..='~').contains(&c) {
                escaped.push(c);
            } else {
                let mut units = [0; 2];
                escaped.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
            }
        }
        self.0.write_all(escaped.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn text_from_outside_stays_in_its_line_and_its_place() {
        let hostile = "a\r\n{\"level\":\"ERROR\"}\u{1B}[31m\u{7F}\u{85}\u{9B}31m\u{202E}\u{2028}\u{2066}\u{FEFF}\u{FFFF}é🎈\"\\";
        let lines = Lines::default();
        let written = lines.clone();
        let subscriber = subscriber(EnvFilter::new("info"), move || written.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(agent = hostile, debug = ?hostile, "{hostile}");
            tracing::info_span!("span", path = hostile).in_scope(|| tracing::warn!("second"));
        });
        let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(written.lines().count(), 2, "{written}");
        assert!(written.chars().all(|c| c == '\n' || (' '..='~').contains(&c)), "{written}");
        let read: Vec<serde_json::Value> =
            written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((read[0]["agent"].as_str(), read[0]["message"].as_str()), (Some(hostile), Some(hostile)));
        assert_eq!(read[1]["span"]["path"].as_str(), Some(hostile));
    }

    #[test]
    fn a_panic_repeats_nothing() {
        let lines = Lines::default();
        let written = lines.clone();
        let subscriber = subscriber(EnvFilter::new("info"), move || written.clone());
        let ordinary = panic::take_hook();
        panic::set_hook(Box::new(report));
        tracing::subscriber::with_default(subscriber, || {
            let name = "Ada\nByron";
            panic::catch_unwind(|| panic!("nobody is called {name}")).unwrap_err();
            panic::catch_unwind(|| panic!("a constant")).unwrap_err();
        });
        panic::set_hook(ordinary);
        let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(!written.contains("Byron"), "{written}");
        let [dynamic, constant] = written.lines().collect::<Vec<_>>().try_into().unwrap();
        assert!(dynamic.contains("log.rs:") && constant.contains("a constant"), "{written}");
    }
}
