//! The address of a webhook's endpoint.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::address::is_public;

/// The maximum length of a URL in bytes.
const LENGTH_MAX: usize = 2048;

/// The maximum lengths of a host name and of each of its labels (RFC 1035, section 2.3.4).
const NAME_LENGTH_MAX: usize = 253;
const LABEL_LENGTH_MAX: usize = 63;

/// The port of HTTPS. The others below [`PORT_MIN`] belong to other well-known services, such as mail.
const HTTPS: u16 = 443;

/// The port of HTTP.
const HTTP: u16 = 80;

/// The first port that programs without privileges may use.
const PORT_MIN: u16 = 1024;

/// The URL of a webhook's endpoint: `https`, a host name or a public address, and port 443 or one from 1024.
///
/// ```
/// use latchkey::webhook::{InvalidUrl, WebhookUrl};
///
/// let url: WebhookUrl = "https://hooks.example.com:8443/latchkey?team=1".parse().unwrap();
/// assert_eq!((url.host(), url.port()), ("hooks.example.com", 8443));
/// assert_eq!("https://10.0.0.1/".parse::<WebhookUrl>(), Err(InvalidUrl::Address));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct WebhookUrl {
    text: String,
    /// The start of the host in the text.
    host_start: usize,
    /// The end of the host in the text; an IPv6 address has brackets.
    host_end: usize,
    port: u16,
}

/// The reason a string is not a [`WebhookUrl`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// The URL is too long.
    #[error("must be at most {LENGTH_MAX} characters")]
    Length,
    /// Another scheme, or no URL at all.
    #[error("must start with `https://`")]
    Scheme,
    /// A character that a URL must escape.
    #[error("must contain only ASCII characters without spaces; escape others with `%`")]
    Character,
    /// The URL has a user or a password.
    #[error("must not contain a user or a password; check the signature of each delivery instead")]
    Credentials,
    /// The URL has a fragment, which is never sent.
    #[error("must not contain `#`")]
    Fragment,
    /// The host is no full name.
    #[error("must have a full host name, such as `hooks.example.com`")]
    Host,
    /// The host is an address that is not on the public internet.
    #[error("must not have a private, loopback, link-local, or other special address as its host")]
    Address,
    /// The port is not allowed.
    #[error("must use port {HTTPS}, or a port from {PORT_MIN} to 65535")]
    Port,
}

const SCHEME: &str = "https://";

/// The scheme of endpoints on the developer's machine.
const LOCAL_SCHEME: &str = "http://";

/// The hosts of endpoints on the developer's machine.
const LOCAL_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

impl WebhookUrl {
    /// Parses a URL that may also be one on this machine, such as `http://localhost:8080/`. Only `cargo dev` accepts
    /// those for new webhooks, and only its requests reach them: a loopback address is not public.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`].
    pub fn local(text: &str) -> Result<Self, InvalidUrl> {
        let Some(rest) = text.strip_prefix(LOCAL_SCHEME) else { return text.parse() };
        let Some(host) = LOCAL_HOSTS.into_iter().find(|host| rest.starts_with(host)) else {
            return Err(InvalidUrl::Scheme);
        };
        let host_end = LOCAL_SCHEME.len() + host.len();
        // The rules for everything after the host are the same.
        let public = format!("{SCHEME}a.example{}", &text[host_end..]).parse::<Self>()?;
        let port = if public.has_port() { public.port } else { HTTP };
        if public.host() != "a.example" {
            return Err(InvalidUrl::Host);
        }
        Ok(Self { text: text.to_owned(), host_start: LOCAL_SCHEME.len(), host_end, port })
    }

    /// Whether the text names the port.
    fn has_port(&self) -> bool {
        self.text[self.host_end..].starts_with(':')
    }

    /// The host: a name, or an address, which has brackets if it is one of IPv6.
    pub fn host(&self) -> &str {
        &self.text[self.host_start..self.host_end]
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL without its path and query, which may contain a secret of the endpoint.
    pub fn origin(&self) -> String {
        let without_port = &self.text[..self.host_end];
        match (self.port, self.host_start == SCHEME.len()) {
            (HTTPS, true) | (HTTP, false) => without_port.to_owned(),
            (port, _) => format!("{without_port}:{port}"),
        }
    }

    /// The address, if the host is one and no name.
    pub fn address(&self) -> Option<IpAddr> {
        address(self.host())
    }
}

/// Reads a host that is an address.
fn address(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

impl FromStr for WebhookUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > LENGTH_MAX {
            return Err(InvalidUrl::Length);
        }
        let rest = text.strip_prefix(SCHEME).ok_or(InvalidUrl::Scheme)?;
        // Some clients read a backslash as a slash.
        let allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
        if !rest.bytes().all(allowed) {
            return Err(InvalidUrl::Character);
        }
        if rest.contains('#') {
            return Err(InvalidUrl::Fragment);
        }
        let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
        if authority.contains('@') {
            return Err(InvalidUrl::Credentials);
        }
        // A colon within brackets belongs to an address.
        let after_address = authority.find(']').map_or(0, |end| end + 1);
        let colon = authority[after_address..].find(':').map(|at| after_address + at);
        let host = &authority[..colon.unwrap_or(authority.len())];
        match address(host) {
            Some(address) if !is_public(address) => return Err(InvalidUrl::Address),
            None if !is_full_name(host) => return Err(InvalidUrl::Host),
            _ => {}
        }
        let port = match colon.map(|at| &authority[at + 1..]) {
            None => HTTPS,
            Some(port) => read_port(port).ok_or(InvalidUrl::Port)?,
        };
        let host_start = SCHEME.len();
        Ok(Self { text: text.to_owned(), host_start, host_end: host_start + host.len(), port })
    }
}

fn read_port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|_| digits)?;
    (port == HTTPS || port >= PORT_MIN).then_some(port)
}

/// Returns whether a host is a name with several labels. The last one has a letter, because resolvers read
/// `127.1` and `0x7f000001` as addresses.
fn is_full_name(host: &str) -> bool {
    let is_label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=LABEL_LENGTH_MAX).contains(&label.len())
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let Some((rest, last)) = host.rsplit_once('.') else { return false };
    host.len() <= NAME_LENGTH_MAX
        && rest.split('.').all(is_label)
        && is_label(last)
        && last.starts_with(|first: char| first.is_ascii_alphabetic())
}

impl AsRef<str> for WebhookUrl {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Leaves out the path and the query, which may contain a secret of the endpoint.
impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({}, ..)", self.origin())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<WebhookUrl, InvalidUrl> {
        text.parse()
    }

    #[test]
    fn a_public_endpoint_has_its_parts() {
        for (text, host, port, origin) in [
            ("https://example.com", "example.com", 443, "https://example.com"),
            ("https://example.com?a=1", "example.com", 443, "https://example.com"),
            (
                "https://a-1.b_2.example.com:443/x:y@z",
                "a-1.b_2.example.com",
                443,
                "https://a-1.b_2.example.com",
            ),
            ("https://EXAMPLE.com:65535/%20", "EXAMPLE.com", 65535, "https://EXAMPLE.com:65535"),
            ("https://1.1.1.1:1024/", "1.1.1.1", 1024, "https://1.1.1.1:1024"),
            ("https://[2606:4700::1]:8443/", "[2606:4700::1]", 8443, "https://[2606:4700::1]:8443"),
        ] {
            let url = parse(text).expect(text);
            assert_eq!((url.host(), url.port(), url.as_ref()), (host, port, text));
            assert_eq!(url.origin(), origin);
            assert_eq!(format!("{url:?}"), format!("WebhookUrl({origin}, ..)"));
        }
        assert_eq!(parse("https://1.1.1.1/").expect("valid").address(), "1.1.1.1".parse().ok());
        assert_eq!(parse("https://example.com/").expect("valid").address(), None);
    }

    #[test]
    fn a_local_endpoint_is_on_this_machine() {
        for (text, host, port, origin) in [
            ("http://localhost:8080/a?b", "localhost", 8080, "http://localhost:8080"),
            ("http://127.0.0.1:9001", "127.0.0.1", 9001, "http://127.0.0.1:9001"),
            ("http://[::1]/", "[::1]", 80, "http://[::1]"),
        ] {
            let url = WebhookUrl::local(text).expect(text);
            assert_eq!((url.host(), url.port(), url.as_ref()), (host, port, text));
            assert_eq!(url.origin(), origin);
            assert!(parse(text).is_err(), "{text}");
            let is_loopback = url.address().is_none_or(|address| address.is_loopback());
            assert!(is_loopback, "{text}");
        }
        let public = "https://example.com/";
        assert_eq!(WebhookUrl::local(public), parse(public));
        for other in [
            "",
            "http://example.com/",
            "http://10.0.0.1/",
            "http://localhost.example.com/",
            "http://localhost@example.com/",
            "http://127.0.0.1.example.com/",
            "http://127.0.0.10/",
            "http://localhost:80:80/",
            "http://localhost:22/",
            "http://localhost/#a",
            "http://localhost\\@example.com/",
            "https://localhost/",
            "https://127.0.0.1/",
        ] {
            assert!(WebhookUrl::local(other).is_err(), "{other}");
        }
    }

    #[test]
    fn each_way_to_be_wrong_has_its_own_variant() {
        use InvalidUrl::{Address, Character, Credentials, Fragment, Host, Length, Port, Scheme};
        let long = format!("https://example.com/{}", "x".repeat(2029));
        for (text, expected) in [
            (long.as_str(), Length),
            ("", Scheme),
            ("http://example.com/", Scheme),
            ("HTTPS://example.com/", Scheme),
            ("//example.com/", Scheme),
            ("https://example.com/ ", Character),
            ("https://exämple.com/", Character),
            ("https://example.com\\@10.0.0.1/", Character),
            ("https://user@example.com/", Credentials),
            ("https://user:password@example.com/", Credentials),
            ("https://example.com/#top", Fragment),
            ("https://", Host),
            ("https:///path", Host),
            ("https://localhost/", Host),
            ("https://example.com./", Host),
            ("https://.com/", Host),
            ("https://a..com/", Host),
            ("https://-a.com/", Host),
            ("https://127.1/", Host),
            ("https://1.1.1.1.1/", Host),
            ("https://017700000001/", Host),
            ("https://0x7f.0x1/", Host),
            ("https://0x7f000001/", Host),
            ("https://2130706433/", Host),
            ("https://127.0.0.01/", Host),
            ("https://[::1/", Host),
            ("https://[fe80::1%25eth0]/", Host),
            ("https://[::1]x.com/", Host),
            ("https://%31%32%37.0.0.1.com/", Host),
            ("https://127.0.0.1/", Address),
            ("https://169.254.169.254/latest/meta-data", Address),
            ("https://[::1]/", Address),
            ("https://[::ffff:10.0.0.1]/", Address),
            ("https://[64:ff9b::7f00:1]/", Address),
            ("https://example.com:/", Port),
            ("https://example.com:0/", Port),
            ("https://example.com:80/", Port),
            ("https://example.com:+443/", Port),
            ("https://example.com:65536/", Port),
            ("https://example.com:443:443/", Port),
        ] {
            assert_eq!(parse(text), Err(expected), "{text}");
        }
        assert!(parse(&long[..2048]).is_ok());
    }

    proptest! {
        /// Whatever the text, a host is a name that no resolver reads as an address, or a public address.
        #[test]
        fn a_host_is_a_name_or_public(text in "https://[a-zA-Z0-9.:\\[\\]x%@_/?#-]{0,40}") {
            if let Ok(url) = parse(&text) {
                match url.address() {
                    Some(address) => prop_assert!(is_public(address)),
                    None => {
                        let last = url.host().rsplit('.').next().expect("a label");
                        prop_assert!(last.starts_with(|c: char| c.is_ascii_alphabetic()), "{}", url.host());
                        prop_assert!(url.host().contains('.') && !url.host().contains([':', '@', '/', '%']));
                    }
                }
                let start = format!("https://{}", url.host());
                prop_assert!(text.starts_with(&start), "{}", text);
            }
        }
    }
}
