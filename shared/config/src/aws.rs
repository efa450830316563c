//! The connection to AWS.
//!
//! Lambda hands every function its region and credentials in the environment, for the life of the
//! process. So nothing here asks a profile file, a metadata service or a token endpoint, and no
//! chain of providers has to be built and linked.

use std::time::Duration;

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    behavior_version::BehaviorVersion, http::SharedHttpClient,
    stalled_stream_protection::StalledStreamProtectionConfig,
};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::{SdkConfig, region::Region};

use crate::{Missing, optional, required};

/// The five roots that every AWS endpoint's certificate leads to, see
/// <https://www.amazontrust.com/repository/>. Reading the system's hundred and fifty at each start
/// is most of what a client's start costs, and would trust far more than the one peer there is.
const AMAZON_ROOTS: &str = include_str!("amazon_roots.pem");

/// How often a call is tried.
const ATTEMPTS: u32 = 3;
/// For how long one try is waited for. Calls take milliseconds; one that takes longer has lost its packets, and the next
/// try is quicker.
const ATTEMPT: Duration = Duration::from_millis(2000);
/// The longest pause before the second try; before the third it is twice as long.
///
/// So a call that nobody answers ends after 3 × 2 s + 0.75 s, before any function that makes one: a check in
/// `tests/template` compares this with every timeout there.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The configuration that every client is built from.
pub fn from_env() -> Result<SdkConfig, Missing> {
    let credentials = Credentials::new(
        required("AWS_ACCESS_KEY_ID")?,
        required("AWS_SECRET_ACCESS_KEY")?,
        optional("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    Ok(connect(required("AWS_REGION")?, credentials, optional("AWS_ENDPOINT_URL")))
}

/// The configuration for one region, or for one endpoint that stands for all of AWS.
pub fn connect(region: String, credentials: Credentials, endpoint: Option<String>) -> SdkConfig {
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_PAUSE))
        .timeout_config(
            TimeoutConfig::builder()
                // Within a region a connection stands in milliseconds or not at all.
                .connect_timeout(Duration::from_secs(1))
                .operation_attempt_timeout(ATTEMPT)
                .build(),
        )
        .stalled_stream_protection(StalledStreamProtectionConfig::enabled().build());
    config.set_endpoint_url(endpoint);
    config.build()
}

fn http_client() -> SharedHttpClient {
    let roots = TrustStore::empty().with_pem_certificate(AMAZON_ROOTS);
    let mut builder = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    match TlsContext::builder().with_trust_store(roots).build() {
        Ok(context) => builder = builder.tls_context(context),
        // The roots are part of the program; a test reads them.
        Err(_) => unreachable!("the embedded roots are certificates"),
    }
    builder.build_https()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roots_are_certificates() {
        assert_eq!(AMAZON_ROOTS.matches("BEGIN CERTIFICATE").count(), 5);
        http_client();
    }

    #[test]
    fn an_endpoint_stands_for_all_of_aws() {
        let credentials = Credentials::new("key", "secret", None, None, "test");
        let config = connect("eu-west-1".into(), credentials, Some("http://127.0.0.1:1".into()));
        assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:1"));
    }
}
