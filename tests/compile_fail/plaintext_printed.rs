// error[E0277]: `Plaintext` doesn't implement `std::fmt::Display`
use hozon::seal::Plaintext;

pub fn print(plain: &Plaintext) -> String {
    format!("{plain}")
}
