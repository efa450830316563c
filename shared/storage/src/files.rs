//! The two buckets: one that strangers write to, and one that people read from.
//!
//! | what                          | bucket  | key                                  |
//! |-------------------------------|---------|--------------------------------------|
//! | a file as it was sent         | uploads | incoming/‹upload›                    |
//! | one rendering of an image     | media   | images/‹upload›/‹size›.‹format›      |
//!
//! Both are private. Files come in through a form that S3 checks itself, and go out through links
//! that end.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_s3::{
    Client,
    config::{Credentials, ProvideCredentials, SharedCredentialsProvider},
    primitives::ByteStream,
};
use aws_sigv4::{
    http_request::{
        PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4::{SigningParams, calculate_signature, generate_signing_key},
};
use aws_types::SdkConfig;
use base64::{Engine, prelude::BASE64_STANDARD};
use domain::{
    id::UploadId,
    upload::{FORM_LIFETIME, FORMATS, MAX_BYTES, SIZES, Upload, Variant},
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::json;

use crate::Error;

/// Where files as they were sent lie.
const INCOMING: &str = "incoming/";
/// Links are signed as of the full hour, so that all of an hour are the same and caches can hold
/// what lies behind them; they end two hours after it, so each lives for at least one.
const LINK_LIFETIME: Duration = Duration::from_secs(2 * 60 * 60);
/// An image's variants never change: their key names the upload.
const CACHE_FOR_GOOD: &str = "private, max-age=31536000, immutable";

/// The buckets.
#[derive(Debug, Clone)]
pub struct Files {
    client: Client,
    credentials: Option<SharedCredentialsProvider>,
    uploads: String,
    media: String,
    region: String,
    endpoint: Option<String>,
}

/// A form that a client sends its file with: every field, then the file as the field `file`.
#[derive(Debug, Clone)]
pub struct Form {
    /// Where it is sent, as `multipart/form-data`.
    pub url: String,
    /// In any order.
    pub fields: BTreeMap<String, String>,
    /// From then on S3 refuses it.
    pub expires_at: Timestamp,
}

/// A file as it was sent.
#[derive(Debug)]
pub enum Received {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// It is larger than anything that is taken, and was not read.
    TooLarge,
    /// It is gone.
    Gone,
}

impl Files {
    /// The buckets that the environment names.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, Error> {
        Ok(Self::new(aws, config::required("UPLOADS_BUCKET")?, config::required("MEDIA_BUCKET")?))
    }

    /// The buckets of those names.
    pub fn new(aws: &SdkConfig, uploads: String, media: String) -> Self {
        let config = aws_sdk_s3::config::Builder::from(aws)
            // An endpoint that stands for all of AWS has no name per bucket.
            .force_path_style(aws.endpoint_url().is_some())
            .build();
        Self {
            client: Client::from_conf(config),
            credentials: aws.credentials_provider(),
            uploads,
            media,
            region: aws.region().map(ToString::to_string).unwrap_or_default(),
            endpoint: aws.endpoint_url().map(str::to_owned),
        }
    }

    /// Asks both buckets whether they are there.
    pub async fn ping(&self) -> Result<(), Error> {
        self.client.head_bucket().bucket(&self.uploads).send().await?;
        self.client.head_bucket().bucket(&self.media).send().await?;
        Ok(())
    }

    /// The form for an announced upload: bound to its key, its type and at most [`MAX_BYTES`].
    ///
    /// The SDK has no call for such a form; see "Browser-Based Uploads Using POST" in the API
    /// reference of S3.
    pub async fn form(&self, upload: &Upload, now: Timestamp) -> Result<Form, Error> {
        let credentials = self.credentials().await?;
        let expires_at = now.saturating_add(FORM_LIFETIME).unwrap_or(Timestamp::MAX);
        let at = now.to_zoned(TimeZone::UTC);
        let scope = format!("{}/{}/s3/aws4_request", at.strftime("%Y%m%d"), self.region);
        let mut fields = BTreeMap::from([
            ("key".to_owned(), incoming_key(upload.id)),
            ("Content-Type".to_owned(), upload.content_type.to_string()),
            ("success_action_status".to_owned(), "201".to_owned()),
            ("x-amz-algorithm".to_owned(), "AWS4-HMAC-SHA256".to_owned()),
            ("x-amz-credential".to_owned(), format!("{}/{scope}", credentials.access_key_id())),
            ("x-amz-date".to_owned(), at.strftime("%Y%m%dT%H%M%SZ").to_string()),
        ]);
        if let Some(token) = credentials.session_token() {
            fields.insert("x-amz-security-token".to_owned(), token.to_owned());
        }
        let mut conditions =
            vec![json!({ "bucket": self.uploads }), json!(["content-length-range", 1, MAX_BYTES])];
        conditions.extend(fields.iter().map(|(name, value)| json!({ name: value })));
        // S3 reads RFC 3339 with exactly milliseconds.
        let expiration = expires_at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string();
        let policy =
            BASE64_STANDARD.encode(json!({ "expiration": expiration, "conditions": conditions }).to_string());
        let key = generate_signing_key(credentials.secret_access_key(), now.into(), &self.region, "s3");
        fields.insert("x-amz-signature".to_owned(), calculate_signature(key, policy.as_bytes()));
        fields.insert("policy".to_owned(), policy);
        Ok(Form { url: self.bucket_url(&self.uploads), fields, expires_at })
    }

    /// Reads a file as it was sent, but never more of it than is taken.
    pub async fn received(&self, id: UploadId, version: Option<&str>) -> Result<Received, Error> {
        let object = self
            .client
            .get_object()
            .bucket(&self.uploads)
            .key(incoming_key(id))
            .set_version_id(version.map(str::to_owned))
            .send()
            .await;
        let object = match object.map_err(Error::from) {
            Err(Error::Refused(code)) if code == "NoSuchKey" || code == "NoSuchVersion" => {
                return Ok(Received::Gone);
            }
            other => other?,
        };
        let length = object.content_length().and_then(|length| u64::try_from(length).ok());
        if length.is_none_or(|length| length > MAX_BYTES) {
            return Ok(Received::TooLarge);
        }
        let bytes =
            object.body.collect().await.map_err(|_| Error::Unavailable("the file broke off".into()))?;
        Ok(Received::Bytes(bytes.to_vec()))
    }

    /// Deletes a file as it was sent: that version for good where one is named.
    pub async fn discard_received(&self, id: UploadId, version: Option<&str>) -> Result<(), Error> {
        self.client
            .delete_object()
            .bucket(&self.uploads)
            .key(incoming_key(id))
            .set_version_id(version.map(str::to_owned))
            .send()
            .await?;
        Ok(())
    }

    /// Writes a variant. Writing it again changes nothing.
    pub async fn put_variant(&self, id: UploadId, variant: &Variant, bytes: Vec<u8>) -> Result<(), Error> {
        self.client
            .put_object()
            .bucket(&self.media)
            .key(variant_key(id, &variant.size, &variant.format))
            .content_type(format!("image/{}", variant.format))
            .cache_control(CACHE_FOR_GOOD)
            .body(ByteStream::from(bytes))
            .send()
            .await?;
        Ok(())
    }

    /// Deletes every variant that there can be: what was rendered and never published, too. Deleting them again
    /// changes nothing.
    pub async fn delete_variants(&self, id: UploadId) -> Result<(), Error> {
        for (size, format) in SIZES.iter().flat_map(|size| FORMATS.map(|format| (size, format))) {
            let key = variant_key(id, size, format);
            self.client.delete_object().bucket(&self.media).key(key).send().await?;
        }
        Ok(())
    }

    /// Links to variants that end by themselves. They cost no call.
    pub async fn links(
        &self,
        id: UploadId,
        variants: &[Variant],
        now: Timestamp,
    ) -> Result<Vec<String>, Error> {
        let bucket = self.bucket_url(&self.media);
        let link = |variant: &Variant| format!("{bucket}{}", variant_key(id, &variant.size, &variant.format));
        self.sign_links(variants.iter().map(link), now).await
    }

    /// Signs without the SDK's client: it builds a whole request for each link, and six of them took
    /// longer than everything else that `GET /me` does.
    async fn sign_links(
        &self,
        uris: impl Iterator<Item = String>,
        now: Timestamp,
    ) -> Result<Vec<String>, Error> {
        let hour = SignedDuration::from_hours(1).as_secs();
        let start = Timestamp::from_second(now.as_second() - now.as_second().rem_euclid(hour)).unwrap_or(now);
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(LINK_LIFETIME);
        // S3 signs paths as they are sent.
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let identity = self.credentials().await?.into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(start.into())
            .settings(settings)
            .build()
            .map_err(refused)?
            .into();
        let link = |uri: String| {
            let unsigned =
                SignableRequest::new("GET", &uri, std::iter::empty(), SignableBody::UnsignedPayload);
            let (signature, _) = sign(unsigned.map_err(refused)?, &parameters).map_err(refused)?.into_parts();
            let mut request = http::Request::get(&uri).body(()).map_err(refused)?;
            signature.apply_to_request_http1x(&mut request);
            Ok(request.uri().to_string())
        };
        uris.map(link).collect()
    }

    async fn credentials(&self) -> Result<Credentials, Error> {
        let provider = self.credentials.as_ref().ok_or_else(|| Error::Refused("no credentials".into()))?;
        provider.provide_credentials().await.map_err(|_| Error::Unavailable("no credentials".into()))
    }

    fn bucket_url(&self, bucket: &str) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("{}/{bucket}/", endpoint.trim_end_matches('/')),
            None => format!("https://{bucket}.s3.{}.amazonaws.com/", self.region),
        }
    }
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::Refused(error.to_string())
}

fn incoming_key(id: UploadId) -> String {
    format!("{INCOMING}{id}")
}

/// The upload that an object's key names.
pub fn upload_of(key: &str) -> Option<UploadId> {
    domain::id::parse(key.strip_prefix(INCOMING)?).ok()
}

fn variant_key(id: UploadId, size: &str, format: &str) -> String {
    format!("images/{id}/{size}.{format}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_s3::presigning::PresigningConfig;
    use domain::upload::{FileSize, ImageType, Purpose};
    use std::collections::BTreeSet;

    fn files(endpoint: Option<&str>) -> Files {
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", Some("to/ken+=".into()), None, "test");
        let aws = config::aws::connect("eu-west-1".into(), credentials, endpoint.map(str::to_owned));
        Files::new(&aws, "uploads".into(), "media".into())
    }

    fn variant() -> Variant {
        Variant { size: "card".into(), format: "webp".into(), width: 300, height: 300 }
    }

    /// Path and query; the order does not matter.
    fn parts(link: &str) -> (&str, BTreeSet<&str>) {
        let (path, query) = link.split_once('?').unwrap();
        (path, query.split('&').collect())
    }

    #[tokio::test]
    async fn links_are_signed_as_the_sdk_signs_them() {
        let id = domain::id::new(Timestamp::UNIX_EPOCH);
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        for endpoint in [None, Some("http://127.0.0.1:4566")] {
            let files = files(endpoint);
            let link = &files.links(id, &[variant()], now).await.unwrap()[0];
            let (path, _) = parts(link);
            // The SDK marks its own requests, so ours is signed with that mark to be compared.
            let marked = format!("{path}?x-id=GetObject");
            let ours = &files.sign_links([marked].into_iter(), now).await.unwrap()[0];
            let lifetime = PresigningConfig::builder().start_time(now.into()).expires_in(LINK_LIFETIME);
            let key = variant_key(id, "card", "webp");
            let request =
                files.client.get_object().bucket("media").key(key).presigned(lifetime.build().unwrap());
            assert_eq!(parts(ours), parts(request.await.unwrap().uri()));
        }
    }

    #[tokio::test]
    async fn everybody_gets_the_same_link_within_an_hour() {
        let (files, id) = (files(None), domain::id::new(Timestamp::UNIX_EPOCH));
        let at = |time: &str| {
            let (files, time) = (files.clone(), time.parse().unwrap());
            async move { files.links(id, &[variant()], time).await.unwrap() }
        };
        assert_eq!(at("2026-03-01T12:00:00Z").await, at("2026-03-01T12:59:59Z").await);
        assert_ne!(at("2026-03-01T12:59:59Z").await, at("2026-03-01T13:00:00Z").await);
    }

    /// The policy binds every field of the form; otherwise a client could change it.
    #[tokio::test]
    async fn a_form_is_bound_to_its_fields() {
        let now: Timestamp = "2026-03-01T12:34:56Z".parse().unwrap();
        let size = FileSize::parse(1).unwrap();
        let upload = Upload::announce(domain::id::new(now), Purpose::Avatar, ImageType::Png, size, now);
        let form = files(None).form(&upload, now).await.unwrap();
        assert_eq!(form.url, "https://uploads.s3.eu-west-1.amazonaws.com/");
        let policy = BASE64_STANDARD.decode(&form.fields["policy"]).unwrap();
        let policy: serde_json::Value = serde_json::from_slice(&policy).unwrap();
        assert_eq!(policy["expiration"], "2026-03-01T12:49:56.000Z");
        let conditions = policy["conditions"].as_array().unwrap();
        assert!(conditions.contains(&json!(["content-length-range", 1, MAX_BYTES])));
        assert!(conditions.contains(&json!({ "bucket": "uploads" })));
        for (name, value) in
            form.fields.iter().filter(|(name, _)| !["policy", "x-amz-signature"].contains(&name.as_str()))
        {
            assert!(conditions.contains(&json!({ name: value })), "{name}");
        }
    }
}
