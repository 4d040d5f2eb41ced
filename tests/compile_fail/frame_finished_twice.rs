// error[E0382]: use of moved value: `sealer`
use hozon::seal::Sealer;

pub fn twice(sealer: Sealer) {
    let _one = sealer.finish(None);
    let _other = sealer.finish(None);
}
