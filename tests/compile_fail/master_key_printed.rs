// error[E0277]: `MasterKey` doesn't implement `Debug`
use hozon::seal::MasterKey;

pub fn print(key: &MasterKey) -> String {
    format!("{key:?}")
}
