//! Text in header values: ASCII, raw UTF-8, or RFC 2047 encoded words.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, STANDARD_NO_PAD};
use unicode_normalization::UnicodeNormalization;

/// Bytes of text in one encoded word: 60 characters of Base64, so that a word stays within 75 (RFC 2047 §2).
const WORD_BYTES_MAX: usize = 45;

/// The text that a header value stands for, in NFC. Words that are not well formed stay as they are.
pub(super) fn decode(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut after_word = false;
    let mut gap = "";
    for token in tokens(value.trim_matches([' ', '\t'])) {
        if token.starts_with([' ', '\t']) {
            gap = token;
            continue;
        }
        let word = word(token);
        // White space between two encoded words only separates them (RFC 2047 §6.2).
        if !(after_word && word.is_some()) {
            bytes.extend_from_slice(gap.as_bytes());
        }
        gap = "";
        after_word = word.is_some();
        bytes.extend_from_slice(word.as_deref().unwrap_or(token.as_bytes()));
    }
    // Words are joined as bytes first, because some clients cut characters in two.
    match String::from_utf8(bytes) {
        Ok(text) => text.nfc().collect(),
        Err(_) => value.nfc().collect(),
    }
}

/// A header value that stands for `text`: the text itself where it is plain ASCII, else encoded words.
pub(super) fn encode(text: &str) -> String {
    let plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    let like_words = text.contains("=?") && text.contains("?=");
    if plain && text.trim() == text && !like_words {
        return text.to_owned();
    }
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let cut = (0..=WORD_BYTES_MAX.min(rest.len())).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(cut);
        words.push(format!("=?UTF-8?B?{}?=", BASE64.encode(word)));
        rest = after;
    }
    words.join(" ")
}

/// Runs of white space and runs of anything else, in turn.
fn tokens(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = value;
    std::iter::from_fn(move || {
        let is_gap = rest.starts_with([' ', '\t']);
        let end = rest.find(|c| matches!(c, ' ' | '\t') != is_gap).unwrap_or(rest.len());
        let (token, after) = rest.split_at(end);
        rest = after;
        (!token.is_empty()).then_some(token)
    })
}

/// The bytes of one encoded word of UTF-8 (or its subset ASCII).
fn word(token: &str) -> Option<Vec<u8>> {
    let inner = token.strip_prefix("=?")?.strip_suffix("?=")?;
    let mut fields = inner.splitn(3, '?');
    let (charset, encoding, text) = (fields.next()?, fields.next()?, fields.next()?);
    // A language may follow the charset (RFC 2231 §5).
    let charset = charset.split('*').next()?;
    if !(charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("us-ascii")) || text.contains('?') {
        return None;
    }
    match encoding {
        "B" | "b" => STANDARD_NO_PAD.decode(text.trim_end_matches('=')).ok(),
        "Q" | "q" => quoted(text),
        _ => None,
    }
}

fn quoted(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'_' => b' ',
            b'=' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_three_ways_of_writing_a_name_mean_the_same() {
        let name = "山田 太郎";
        for written in [
            name.to_owned(),
            encode(name),
            "=?utf-8?b?5bGx55SwIOWkqumDjg==?=".to_owned(),
            "=?UTF-8?Q?=E5=B1=B1=E7=94=B0_=E5=A4=AA=E9=83=8E?=".to_owned(),
            "=?UTF-8?Q?=E5=B1=B1=E7=94?=  =?UTF-8?B?sCDlpKrpg44=?=".to_owned(),
        ] {
            assert_eq!(decode(&written), name, "{written}");
        }
    }

    #[test]
    fn decomposed_text_is_composed() {
        assert_eq!(decode("ハ\u{3099}イタル"), "バイタル");
    }

    #[test]
    fn plain_text_around_words_keeps_its_spaces() {
        assert_eq!(decode("Dr. =?UTF-8?B?5bGx55Sw?= (=?no)"), "Dr. 山田 (=?no)");
        assert_eq!(decode("  a  b "), "a  b");
    }

    #[test]
    fn words_that_are_not_well_formed_stay() {
        for odd in ["=?UTF-8?B?***?=", "=?ISO-8859-1?Q?caf=E9?=", "=?UTF-8?X?a?=", "=?UTF-8?Q?=E?=", "=??=", "=?UTF-8?Q?=FF?="] {
            assert_eq!(decode(odd), odd);
        }
    }

    #[test]
    fn plain_ascii_is_given_back_as_it_is() {
        assert_eq!(encode("chart v1; ok=?"), encode("chart v1; ok=?"));
        assert_eq!(encode("plain value 7"), "plain value 7");
        assert_eq!(encode(""), "");
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in "\\PC{0,120}") {
            let text: String = text.nfc().collect();
            let written = encode(&text);
            prop_assert!(written.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            prop_assert!(written == text || written.split(' ').all(|word| word.len() <= 75));
            prop_assert_eq!(decode(&written), text);
        }

        #[test]
        fn no_value_makes_decoding_fail_or_grow(value in "[ -~é山\t]{0,200}") {
            prop_assert!(decode(&value).len() <= value.len() * 3);
        }
    }
}
