// error: cannot construct `SealedEnd` with struct literal syntax due to private fields
use hozon::seal::SealedEnd;

pub fn forge() -> SealedEnd {
    SealedEnd {}
}
