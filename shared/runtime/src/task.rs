//! How the runs of scheduled tasks are reported, for alarms.
//!
//! A task works through everything that is due, whatever fails on the way, and does not end with an error because of
//! it: Lambda would repeat the whole run twice, and the next run tries the rest anyway. So each run logs one line with
//! the fields of [`Run`], out of which `infra/observability.yaml` makes metrics.

use crate::Error;

/// How far a run came.
pub trait Progress {
    /// How many things could not be done.
    fn failed(&self) -> u64;
    /// Whether everything that was due has been looked at.
    fn is_complete(&self) -> bool;
}

/// The fields of the line.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    task_failed: u64,
    task_incomplete: u64,
}

impl Run {
    fn of<R: Progress>(result: &Result<R, Error>) -> Self {
        match result {
            Ok(report) => {
                Self { task_failed: report.failed(), task_incomplete: u64::from(!report.is_complete()) }
            }
            // It ended early, and Lambda repeats it.
            Err(_) => Self { task_failed: 1, task_incomplete: 0 },
        }
    }
}

/// Logs how a run of a scheduled task ended.
pub fn log_run<R: Progress>(result: &Result<R, Error>) {
    let function = config::optional("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
    let Run { task_failed, task_incomplete } = Run::of(result);
    tracing::info!(task = function, task_failed, task_incomplete, "task run ended");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::due::Report;

    #[test]
    fn what_failed_and_what_is_left_can_be_counted() {
        let run = |failed, complete| Run::of(&Ok(Report { failed, complete, ..Report::default() }));
        assert_eq!(run(0, true), Run { task_failed: 0, task_incomplete: 0 });
        assert_eq!(run(3, true), Run { task_failed: 3, task_incomplete: 0 });
        assert_eq!(run(0, false), Run { task_failed: 0, task_incomplete: 1 });
        let ended = Run::of(&Err::<Report, _>("the store does not answer".into()));
        assert_eq!(ended, Run { task_failed: 1, task_incomplete: 0 });
    }
}
