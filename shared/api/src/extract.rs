use std::collections::BTreeMap;

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use domain::{
    Violation,
    id::{Id, Tag},
};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use crate::{Problem, entity_tags::EntityTags, objects_only::ObjectsOnly};

/// Every body we take is a small form; files go to S3.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// A JSON body. As an extractor it refuses unknown fields (the types say so), wrong types, other
/// media types, compressed and large bodies, each with a problem that points at the place.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        parse(&json_bytes(request, state).await?).map(Self)
    }
}

/// A body as it came, for what is signed. A compressed one is refused.
#[derive(Debug, Clone)]
pub struct RawBody(pub Bytes);

impl RawBody {
    /// Reads it as [`Json`] does.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        parse(&self.0)
    }
}

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        bytes(request, state).await.map(Self)
    }
}

/// The bytes of a body that is announced as JSON.
pub(crate) async fn json_bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !media_type.is_some_and(is_json) {
        return Err(Problem::unsupported_media_type());
    }
    bytes(request, state).await
}

/// Reads a body that is sent as it is. A compressed one would have to be bounded twice, and nobody has a reason to
/// compress a small form.
async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    let codings = request.headers().get_all(header::CONTENT_ENCODING).iter();
    let mut codings =
        codings.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    if codings.any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity")) {
        return Err(Problem::unsupported_content_encoding());
    }
    Bytes::from_request(request, state).await.map_err(|_| {
        let detail = format!("The body must have at most {MAX_BODY_BYTES} bytes.");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    })
}

fn is_json(media_type: &str) -> bool {
    // A PATCH sends application/merge-patch+json (RFC 7396).
    media_type.parse::<mime::Mime>().is_ok_and(|mime| {
        mime.type_() == mime::APPLICATION
            && (mime.subtype() == mime::JSON || mime.suffix() == Some(mime::JSON))
    })
}

pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(ObjectsOnly(&mut deserializer)).map_err(|error| {
        let (inner, message) = (error.inner(), error.inner().to_string());
        // A number with a large exponent is JSON; serde_json counts it among the errors of syntax.
        if inner.is_data() || message.starts_with(OUT_OF_RANGE) {
            wrong_field(&pointer(error.path()), &message)
        } else {
            malformed(inner)
        }
    })?;
    deserializer.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

/// Serde's words for a number that no `f64` holds.
const OUT_OF_RANGE: &str = "number out of range";

fn malformed(error: &serde_json::Error) -> Problem {
    let detail = format!("The body is not JSON: line {}, column {}.", error.line(), error.column());
    Problem::new(StatusCode::BAD_REQUEST, "malformed_json", detail)
}

/// Serde tells what is wrong in words only. They are taken apart for the code and the pointer, and
/// not passed on, because they repeat the value.
fn wrong_field(parent: &str, message: &str) -> Problem {
    let (pointer, violation) = wrong_value(parent, message);
    Problem::invalid_field(pointer, violation)
}

fn wrong_value(parent: &str, message: &str) -> (String, Violation) {
    let named = || message.split('`').nth(1).unwrap_or_default().to_owned();
    let (field, violation) = if message.starts_with("unknown field") {
        (Some(named()), Violation::new("unknown_field", "is not a field of this request"))
    } else if message.starts_with("missing field") {
        (Some(named()), Violation::new("required", "must be given"))
    } else if message.starts_with("duplicate field") {
        (Some(named()), Violation::new("duplicate_field", "must be given once"))
    } else if message.starts_with(OUT_OF_RANGE) {
        (None, Violation::new("out_of_range", "must not be so large a number"))
    } else {
        let expected =
            message.rsplit_once("expected ").map(|(_, rest)| rest.split(" at line").next().unwrap_or(rest));
        let expected = expected.map_or("another type".to_owned(), plain_type);
        (None, Violation::new("wrong_type", format!("must be {expected}")))
    };
    // The path of an unknown field ends with it already.
    let pointer = match field {
        Some(field) if !parent.ends_with(&format!("/{}", escape(&field))) => {
            format!("{parent}/{}", escape(&field))
        }
        _ => parent.to_owned(),
    };
    (pointer, violation)
}

/// Rust's names for types, in the words of JSON.
fn plain_type(expected: &str) -> String {
    match expected {
        "u64" | "u32" => "a whole number that is not negative".into(),
        "i64" | "i32" => "a whole number".into(),
        "f64" => "a number".into(),
        struct_name if struct_name.starts_with("struct ") => "an object".into(),
        other => other.into(),
    }
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", escape(key)),
            Segment::Enum { variant } => format!("/{}", escape(variant)),
            Segment::Unknown => "/".into(),
        })
        .collect()
}

/// RFC 6901, 3. A field's name comes from the client, so it is cut.
fn escape(segment: &str) -> String {
    segment.chars().take(64).collect::<String>().replace('~', "~0").replace('/', "~1")
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// For a field that may be left out but not be `null`: serde would take one for the other.
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The identifier in the path. One that cannot be an identifier is refused before anything is read.
#[derive(Debug)]
pub struct PathId<T: Tag>(pub Id<T>);

impl<T: Tag, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(raw) =
            Path::<String>::from_request_parts(parts, state).await.map_err(|_| Problem::not_found())?;
        domain::id::parse(&raw).map(Self).map_err(|violation| Problem::invalid_field("id", violation))
    }
}

/// The parameters behind the `?`. Unknown ones and repeated ones are refused. Fields are texts: what
/// they have to be, domain types say.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        from_query(query).map(Self)
    }
}

/// The parameters behind the `?` of an operation whose answers caches keep. Those that it does not know are
/// ignored, and of one that comes twice the last counts: a refusal might be kept for those who ask
/// properly.
#[derive(Debug, Clone, Copy)]
pub struct CachedQuery<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for CachedQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
        let last: BTreeMap<String, String> = pairs.into_iter().collect();
        let once = serde_urlencoded::to_string(last).unwrap_or_default();
        from_query(&once).map(Self)
    }
}

fn from_query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    serde_urlencoded::from_str(query).map_err(|error| {
        let (pointer, violation) = wrong_value("", &error.to_string());
        // A parameter is pointed at by its name.
        Problem::invalid_field(pointer.trim_start_matches('/'), violation)
    })
}

/// The versions that a change may be made to, from the header `If-Match` (RFC 9110, 13.1.1).
#[derive(Debug, Clone)]
pub struct IfMatch(Option<EntityTags>);

impl IfMatch {
    /// Rejects a change that was made for other versions than the current one, which is `None` where nothing is there
    /// yet. Without the header, the last write wins.
    ///
    /// Tags are compared strongly, so a weak one never matches, and `*` matches any version there is.
    pub fn check(&self, current: impl Into<Option<u64>>) -> Result<(), Problem> {
        let Some(tags) = &self.0 else { return Ok(()) };
        let current = current.into();
        if current.is_some_and(|version| tags.match_strongly(&version.to_string())) {
            Ok(())
        } else {
            Err(Problem::stale())
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        EntityTags::of(&parts.headers, &header::IF_MATCH).map(Self).map_err(|_| {
            let message = "must be * or entity tags in quotes, separated by commas, such as \"3\"";
            Problem::invalid_field("If-Match", Violation::new("invalid_etag", message))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Form {
        name: String,
        size: u64,
        #[serde(default)]
        places: Vec<Place>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Place {
        lat: f64,
    }

    fn first(body: &str) -> (String, String, String) {
        let body = parse::<Form>(body.as_bytes()).unwrap_err().body(String::new());
        body.errors.first().map_or((body.code.into(), String::new(), String::new()), |error| {
            (error.code.to_string(), error.pointer.clone(), error.message.to_string())
        })
    }

    #[test]
    fn points_at_what_is_wrong() {
        let cases = [
            (r#"{"name":"x","size":1,"extra":1}"#, "unknown_field", "/extra"),
            (r#"{"name":"x","size":1,"a/b~":1}"#, "unknown_field", "/a~1b~0"),
            (r#"{"size":1}"#, "required", "/name"),
            (r#"{"name":"x","name":"y","size":1}"#, "duplicate_field", "/name"),
            (r#"{"name":["hunter2"],"size":1}"#, "wrong_type", "/name"),
            (r#"{"name":"x","size":-1}"#, "wrong_type", "/size"),
            (
                r#"{"name":"x","size":1,"places":[{"lat":1},{"lat":"hunter2"}]}"#,
                "wrong_type",
                "/places/1/lat",
            ),
            (r#"{"name":"x","size":1,"places":[{"lat":1,"name":2}]}"#, "unknown_field", "/places/0/name"),
            (r#"{"name":"x","size":1,"places":[{}]}"#, "required", "/places/0/lat"),
            (r#"[]"#, "wrong_type", ""),
            (r#" ["x", 1]"#, "wrong_type", ""),
            (r#"null"#, "wrong_type", ""),
            // Wrong from its first byte on, whatever follows.
            ("[1,", "wrong_type", ""),
            (r#"{"name":"x","size":1,"places":[[53.7]]}"#, "wrong_type", "/places/0"),
            (r#"{"name":"x","size":1,"places":[{"lat":1},[]]}"#, "wrong_type", "/places/1"),
            (r#"{"name":"x","size":1,"places":[{"lat":1e400}]}"#, "out_of_range", "/places/0/lat"),
            (r#"{"name":"x","size":1,"places":[{"lat":-1e400}]}"#, "out_of_range", "/places/0/lat"),
        ];
        for (body, code, pointer) in cases {
            let (found, at, message) = first(body);
            assert_eq!((found.as_str(), at.as_str()), (code, pointer), "{body}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn tells_what_is_not_json() {
        for body in
            ["", "{", "{\"name\":\"x\",\"size\":1} trailing", "\u{1}", "{\"name\":\"\\ud800\",\"size\":1}"]
        {
            assert_eq!(first(body).0, "malformed_json", "{}", &body[..body.len().min(40)]);
        }
        assert!(parse::<Form>(b"{\"name\":\"\xff\",\"size\":1}").is_err());
    }

    #[test]
    fn deep_bodies_do_not_overflow_the_stack() {
        let lists = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(first(&lists).0, "wrong_type");
        let places = format!(r#"{{"name":"x","size":1,"places":{lists}}}"#);
        assert_eq!(first(&places).0, "wrong_type");
    }

    #[test]
    fn knows_json_by_its_media_type() {
        assert!(is_json("application/json"));
        assert!(is_json("application/json; charset=utf-8"));
        assert!(is_json("application/merge-patch+json"));
        assert!(!is_json("text/plain"));
        assert!(!is_json("application/x-www-form-urlencoded"));
    }
}
