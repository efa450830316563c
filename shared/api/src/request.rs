use std::net::IpAddr;

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use domain::session::Client;
use storage::audit::Origin;

/// What the gateway says of a request; the runtime puts it among the request's extensions.
#[derive(Debug, Clone, Default)]
pub struct RequestMeta {
    /// The gateway's own name for the request.
    pub request_id: String,
    /// The peer that the gateway saw. Never taken from a header that a client can write.
    pub source_ip: Option<IpAddr>,
    /// What the client says it is, cut to 256 characters.
    pub user_agent: Option<String>,
}

impl RequestMeta {
    /// What the audit trail keeps of it.
    pub fn origin(&self) -> Origin {
        let Client { user_agent, ip_prefix } = self.client();
        Origin { ip_prefix, user_agent, request_id: Some(self.request_id.clone()) }
    }

    /// What a sign-in keeps of it.
    pub fn client(&self) -> Client {
        Client { ip_prefix: self.source_ip.map(prefix), user_agent: self.user_agent.clone() }
    }
}

/// What the runtime has put there, and what the client says it is.
impl<S: Send + Sync> FromRequestParts<S> for RequestMeta {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let meta = parts.extensions.get::<Self>().cloned().unwrap_or_default();
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self { user_agent: user_agent.map(|agent| agent.chars().take(256).collect()), ..meta })
    }
}

/// The network of an address: enough to see that a sign-in came from somewhere else, too little to
/// find a person by.
fn prefix(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(ip) => {
            let [a, b, c, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_network_only() {
        assert_eq!(prefix("203.0.113.77".parse().unwrap()), "203.0.113.0/24");
        assert_eq!(prefix("2001:db8:1:2::7".parse().unwrap()), "2001:db8:1::/48");
    }
}
