// error[E0599]: no method named `clone` found for struct `Plaintext` in the current scope
use hozon::seal::Plaintext;

pub fn two(plain: Plaintext) -> (Plaintext, Plaintext) {
    (plain.clone(), plain)
}
