//! Brings a database up to date and says what there was to do: `cargo run -p vidimus-db --example sync -- URL`.
//!
//! For comparing our tables with Glance's, see `tests/fixtures/schema.py`.

use vidimus_db::{Db, DbConfig};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("which database URL?")?;
    let db = Db::connect(&DbConfig {
        url,
        max_connections: 1,
    })
    .await?;
    let synced = db.sync().await?;
    let version = db.version().await?.unwrap_or_default();
    db.close().await?;
    #[expect(clippy::print_stdout, reason = "this is what the program is for")]
    {
        println!("{synced:?} {version}");
    }
    Ok(())
}
