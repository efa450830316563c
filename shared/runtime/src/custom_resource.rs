//! Answers to CloudFormation, which calls a function as a custom resource of a stack and waits for
//! a word from it at a given address.

use std::{fmt::Display, time::Duration};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::Error;

/// Shorter than any function runs, so that a failure to answer is in its log.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    #[serde(rename = "ResponseURL")]
    response_url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    physical_resource_id: Option<String>,
}

/// Tells CloudFormation how it went, if it is CloudFormation that has asked.
pub async fn answer<T, E: Display>(event: &Value, result: &Result<T, E>) -> Result<(), Error> {
    if event.get("ResponseURL").is_none() {
        return Ok(());
    }
    let request = Request::deserialize(event)?;
    let body = json!({
        "Status": if result.is_ok() { "SUCCESS" } else { "FAILED" },
        "Reason": result.as_ref().err().map_or("done".to_owned(), ToString::to_string),
        "PhysicalResourceId": request.physical_resource_id.as_ref().unwrap_or(&request.logical_resource_id),
        "StackId": request.stack_id,
        "RequestId": request.request_id,
        "LogicalResourceId": request.logical_resource_id,
    });
    // The address is signed for a request without a content type.
    let answer = reqwest::Client::new().put(request.response_url).body(body.to_string()).timeout(PATIENCE);
    let sent = answer.send().await;
    // The address holds a signature, so the error must not tell it.
    sent.and_then(reqwest::Response::error_for_status).map_err(reqwest::Error::without_url)?;
    Ok(())
}
