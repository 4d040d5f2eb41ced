// error: cannot construct `SealedSegment` with struct literal syntax due to private fields
use hozon::seal::SealedSegment;

pub fn forge() -> SealedSegment {
    SealedSegment {}
}
