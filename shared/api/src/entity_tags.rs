use axum::http::{HeaderMap, HeaderName};

/// The value of `If-Match` or `If-None-Match` (RFC 9110, 13.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EntityTags {
    /// `*`: any version, if there is one.
    Any,
    /// The versions that are listed.
    Listed(Vec<EntityTag>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntityTag {
    is_weak: bool,
    opaque: Vec<u8>,
}

/// The header is no list of entity tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

impl EntityTags {
    /// The value of a header, whose lines are one list; `None` without it.
    pub(crate) fn of(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, Malformed> {
        let lines: Vec<&[u8]> = headers.get_all(name).iter().map(|line| line.as_bytes()).collect();
        if lines.is_empty() {
            return Ok(None);
        }
        let value = lines.join(&b',');
        if value.trim_ascii() == b"*" {
            return Ok(Some(Self::Any));
        }
        list(&value).filter(|tags| !tags.is_empty()).map(|tags| Some(Self::Listed(tags))).ok_or(Malformed)
    }

    /// Whether one of them is that strong tag by strong comparison, for which both have to be strong
    /// (RFC 9110, 8.8.3.2). The tag is given without its quotes.
    pub(crate) fn match_strongly(&self, tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(|each| !each.is_weak && each.opaque == tag.as_bytes()),
        }
    }

    /// Whether one of them is that tag by weak comparison. The tag is given without its quotes.
    pub(crate) fn match_weakly(&self, tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(|each| each.opaque == tag.as_bytes()),
        }
    }
}

/// `#entity-tag`: separated by commas, of which there may be more than are needed (RFC 9110, 5.6.1.2).
fn list(mut rest: &[u8]) -> Option<Vec<EntityTag>> {
    let mut tags = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        match rest {
            [] => return Some(tags),
            [b',', after @ ..] => rest = after,
            _ => {
                let (tag, after) = tag(rest)?;
                tags.push(tag);
                rest = after.trim_ascii_start();
                // Two tags without a comma between them are no list.
                if !matches!(rest, [] | [b',', ..]) {
                    return None;
                }
            }
        }
    }
}

/// `[ "W/" ] DQUOTE *etagc DQUOTE`, and what comes after it.
fn tag(rest: &[u8]) -> Option<(EntityTag, &[u8])> {
    let strong = rest.strip_prefix(b"W/");
    let quoted = strong.unwrap_or(rest).strip_prefix(b"\"")?;
    let end = quoted.iter().position(|byte| *byte == b'"')?;
    let (opaque, after) = (&quoted[..end], &quoted[end + 1..]);
    let is_etagc = |byte: &u8| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..);
    let tag = EntityTag { is_weak: strong.is_some(), opaque: opaque.to_vec() };
    opaque.iter().all(is_etagc).then_some((tag, after))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header::IF_MATCH};

    use super::*;

    fn of(lines: &[&str]) -> Result<Option<EntityTags>, Malformed> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(IF_MATCH, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        EntityTags::of(&headers, &IF_MATCH)
    }

    /// By strong and by weak comparison with the tag `"3"`.
    fn matches(lines: &[&str]) -> (bool, bool) {
        let tags = of(lines).unwrap().unwrap();
        (tags.match_strongly("3"), tags.match_weakly("3"))
    }

    #[test]
    fn compares_as_the_specification_says() {
        for strong in [
            &["\"3\""][..],
            &["*"],
            &[" * "],
            &["\"2\", \"3\""],
            &["\"2\",\"3\""],
            &[", ,\"2\" ,\t\"3\",,"],
            &["W/\"3\", \"3\""],
            &["\"a,b\", \"3\""],
            &["\"2\"", "\"3\""],
            &["", "\"3\""],
        ] {
            assert_eq!(matches(strong), (true, true), "{strong:?}");
        }
        for weak in [&["W/\"3\""][..], &["\"2\", W/\"3\""], &["\"2\"", "W/\"3\""]] {
            assert_eq!(matches(weak), (false, true), "{weak:?}");
        }
        for other in [&["\"2\""][..], &["\"03\""], &["\"\""], &["\"x,\", \",3\""], &["\"é\""], &["\"*\""]] {
            assert_eq!(matches(other), (false, false), "{other:?}");
        }
        assert_eq!(of(&[]), Ok(None));
    }

    #[test]
    fn refuses_what_is_no_list_of_tags() {
        for lines in [
            &[""][..],
            &[" , "],
            &["3"],
            &["\"3"],
            &["3\""],
            &["w/\"3\""],
            &["W/3"],
            &["W/ \"3\""],
            &["\"2\" \"3\""],
            &["\"2\"\"3\""],
            &["\"a b\""],
            &["*, \"3\""],
            &["\"3\"", "*"],
            &["*", "*"],
            &["\"3\";"],
        ] {
            assert_eq!(of(lines), Err(Malformed), "{lines:?}");
        }
    }
}
