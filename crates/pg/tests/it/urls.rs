//! What the forms of a database URL mean.

use hindsight_pg::{DatabaseUrl, UrlError};

use crate::support::instance_url;

#[test]
fn forms_of_an_instance() {
    let cases = [
        ("pg0", "hindsight", None, None, None),
        ("pg0://", "hindsight", None, None, None),
        ("pg0://:5544", "hindsight", Some(5544), None, None),
        ("pg0://notes", "notes", None, None, None),
        ("pg0://notes/", "notes", None, None, None),
        ("pg0://hindsight-embed-p.1_x:5544", "hindsight-embed-p.1_x", Some(5544), None, None),
        ("pg0://me@notes", "notes", None, Some("me"), None),
        ("pg0://me:p@ss:w%20d@notes:1", "notes", Some(1), Some("me"), Some("p@ss:w%20d")),
    ];
    for (text, name, port, user, password) in cases {
        let url = instance_url(text);
        assert_eq!(url.name, name, "{text}");
        assert_eq!(url.port, port, "{text}");
        assert_eq!(url.user.as_deref(), user, "{text}");
        assert_eq!(url.password.as_deref(), password, "{text}");
        assert!(url.settings.is_empty(), "{text}");
    }
}

#[test]
fn settings_keep_their_order() {
    let url = instance_url("pg0?Max_Connections=300&shared_buffers=256MB&search_path=a%2C%20b&work_mem=");
    let expected =
        [("max_connections", "300"), ("shared_buffers", "256MB"), ("search_path", "a, b"), ("work_mem", "")];
    assert_eq!(url.settings, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn what_is_no_url() {
    let cases = [
        ("", UrlError::Scheme),
        ("mysql://x", UrlError::Scheme),
        ("pg0:notes", UrlError::Scheme),
        ("pg0x", UrlError::Scheme),
        ("pg0://a/b", UrlError::Name),
        ("pg0://..", UrlError::Name),
        ("pg0://.hidden", UrlError::Name),
        ("pg0://notes:0", UrlError::Port),
        ("pg0://notes:65536", UrlError::Port),
        ("pg0://notes:", UrlError::Port),
        ("pg0://@notes", UrlError::Credentials),
        ("pg0://me:@notes", UrlError::Credentials),
        ("pg0://pg_me@notes", UrlError::Credentials),
        ("pg0?fsync", UrlError::Setting("fsync".to_owned())),
        ("pg0?a b=c", UrlError::Setting("a b".to_owned())),
        ("pg0?work_mem=%0A", UrlError::Setting("work_mem".to_owned())),
        ("pg0?Port=5432", UrlError::Managed("port".to_owned())),
    ];
    for (text, expected) in cases {
        assert_eq!(text.parse::<DatabaseUrl>().unwrap_err(), expected, "{text}");
    }
}

#[test]
fn external_urls_keep_everything_but_scheme_and_ssl() {
    let cases = [
        ("postgresql://u:p@h:1/d", "postgresql://u:p@h:1/d"),
        ("postgres://u:p%20@h/d?ssl=require&x=%41", "postgresql://u:p%20@h/d?sslmode=require&x=%41"),
        ("postgresql+asyncpg://h/d?a=ssl=1&ssl=disable", "postgresql://h/d?a=ssl=1&sslmode=disable"),
        ("postgres+asyncpg://h,i/d?", "postgresql://h,i/d?"),
    ];
    for (text, expected) in cases {
        let DatabaseUrl::External(url) = text.parse().unwrap() else { panic!("{text}") };
        assert_eq!(url.as_str(), expected);
    }
}

#[test]
fn no_text_form_shows_a_password() {
    let cases = [
        ("pg0://me:se@cret@notes:1?work_mem=4MB", "pg0://me:***@notes:1?work_mem=4MB"),
        ("postgres://me:secret@h/d", "postgresql://me:***@h/d"),
        ("postgres://me:se/c?r@et@h/d", "postgresql://me:***@h/d"),
        ("postgres://h/d?user=me&password=secret&x=1", "postgresql://h/d?user=me&password=***&x=1"),
        ("postgres://me@h/d", "postgresql://me@h/d"),
    ];
    for (text, expected) in cases {
        let url: DatabaseUrl = text.parse().unwrap();
        assert_eq!(url.to_string(), expected);
        assert!(!format!("{url:?}").contains("cret"), "{url:?}");
    }
}
