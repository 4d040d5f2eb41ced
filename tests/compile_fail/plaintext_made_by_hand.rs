// error[E0624]: method `append` is private
use hozon::seal::{PlainPool, Plaintext};

pub fn forge(pool: &PlainPool) -> Plaintext {
    let mut buffer = pool.take();
    let _filled = buffer.append(1, |_slot| Ok(()));
    buffer.into_plaintext()
}
