//! What an expression of PromQL names. It splits, it does not check the grammar: promtool does that.

use std::collections::BTreeSet;

/// Functions, aggregations and words that alerts and dashboard may use. Whatever else stands there is a metric.
const FUNCTIONS: &[&str] =
    &["absent", "count", "histogram_quantile", "increase", "max", "min", "min_over_time", "rate", "sum", "vector", "time"];
const WORDS: &[&str] = &["and", "bool", "offset", "or", "unless"];
const LISTS: &[&str] = &["by", "ignoring", "on", "without"];

/// The names in one expression.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// Metrics.
    pub(crate) metrics: BTreeSet<String>,
    /// Each label beside the metric that it selects from.
    pub(crate) selected: BTreeSet<(String, String)>,
    /// Labels that are grouped by.
    pub(crate) grouped: BTreeSet<String>,
    /// Values that labels are compared with, one by one.
    pub(crate) values: BTreeSet<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Name(String),
    Text(String),
    Sign(char),
}

impl Named {
    pub(crate) fn of(expression: &str) -> Self {
        let mut named = Self::default();
        let tokens = split(expression);
        let mut metric = String::new();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            match token {
                Token::Name(word) if LISTS.contains(&word.as_str()) => at = named.list(&tokens, at + 1),
                Token::Name(word) if WORDS.contains(&word.as_str()) => {}
                Token::Name(word) if tokens.get(at + 1) == Some(&Token::Sign('(')) => {
                    // `sum by (x) (…)`: a list may stand between.
                    assert!(FUNCTIONS.contains(&word.as_str()), "{word} is no known function: {expression}");
                }
                Token::Name(word) if FUNCTIONS.contains(&word.as_str()) => {}
                Token::Name(word) => {
                    metric.clone_from(word);
                    named.metrics.insert(word.clone());
                }
                Token::Sign('{') => at = named.selection(&tokens, at + 1, &metric),
                Token::Sign(_) | Token::Text(_) => {}
            }
            at += 1;
        }
        named
    }

    fn list(&mut self, tokens: &[Token], open: usize) -> usize {
        assert_eq!(tokens.get(open), Some(&Token::Sign('(')), "a list follows");
        let mut at = open + 1;
        while tokens[at] != Token::Sign(')') {
            if let Token::Name(label) = &tokens[at] {
                self.grouped.insert(label.clone());
            }
            at += 1;
        }
        at
    }

    fn selection(&mut self, tokens: &[Token], first: usize, metric: &str) -> usize {
        let mut at = first;
        let mut label = String::new();
        while tokens[at] != Token::Sign('}') {
            match &tokens[at] {
                Token::Name(name) => {
                    label.clone_from(name);
                    self.selected.insert((metric.to_owned(), name.clone()));
                }
                Token::Text(values) => {
                    let values = values.split('|').filter(|value| !value.starts_with('$'));
                    self.values.extend(values.map(|value| (label.clone(), value.to_owned())));
                }
                Token::Sign(_) => {}
            }
            at += 1;
        }
        at
    }
}

fn split(expression: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => {
                let end = rest[1..].find('"').unwrap_or_else(|| panic!("a text does not end: {expression}"));
                tokens.push(Token::Text(rest[1..=end].to_owned()));
                end + 2
            }
            // A range: a time, or a variable of the dashboard.
            '[' => rest.find(']').unwrap_or_else(|| panic!("a range does not end: {expression}")) + 1,
            '0'..='9' => rest.find(|c: char| !c.is_alphanumeric() && c != '.').unwrap_or(rest.len()),
            'a'..='z' | 'A'..='Z' | '_' => {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                tokens.push(Token::Name(rest[..end].to_owned()));
                end
            }
            other => {
                if !other.is_whitespace() {
                    tokens.push(Token::Sign(other));
                }
                other.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    tokens
}

#[test]
fn an_expression_gives_up_its_names() {
    let named = Named::of(
        "sum by (a, b) (rate(one_total{c=\"x|y\", d=~\"$d\"}[5m])) > 0.5 or (max without (e) (two) unless three offset 15m) == 1e3",
    );
    let set = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect::<BTreeSet<_>>();
    assert_eq!(named.metrics, set(&["one_total", "two", "three"]));
    assert_eq!(named.selected, pairs(&[("one_total", "c"), ("one_total", "d")]));
    assert_eq!(named.grouped, set(&["a", "b", "e"]));
    assert_eq!(named.values, pairs(&[("c", "x"), ("c", "y")]));
}
