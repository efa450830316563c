//! `similar-sitters`: called by a schedule, it counts which sitters are booked by the same families, for
//! recommendations. It looks at those families only that have booked somebody new.

use domain::due::Kind;
use runtime::{Error, Invocation};
use storage::Tables;

use runtime::due::{Outcome, Report, Run, parse};

/// Compares the sitters of families.
#[derive(Debug)]
pub struct Comparison {
    tables: Tables,
}

impl Comparison {
    /// As the environment says.
    pub fn from_env() -> Result<Self, Error> {
        Ok(Self::new(Tables::from_env(&config::aws::from_env()?)?))
    }

    /// With these tables.
    pub fn new(tables: Tables) -> Self {
        Self { tables }
    }

    /// Runs until everything due is looked at or the time is up.
    pub async fn run(&self, invocation: Invocation) -> Result<Report, Error> {
        let mut run = Run::new(&self.tables, &invocation);
        run.each(Kind::Pairings, async |id, _| {
            let compared = self.tables.compared(parse(id)?).await?;
            let Some(compared) = compared.filter(|compared| compared.is_due()) else {
                return Ok(Outcome::Skipped);
            };
            self.tables.compare(compared).await?;
            Ok(Outcome::Done)
        })
        .await?;
        Ok(run.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::UserId;
    use jiff::Timestamp;
    use testing::{Dynamo, TABLES, acting_as};

    #[tokio::test]
    async fn each_family_counts_once_for_each_pair() {
        let dynamo = Dynamo::start().await;
        let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
        let comparison = Comparison::new(tables.clone());
        let run = async || {
            let invocation = Invocation { request_id: "test".into(), deadline: Timestamp::MAX };
            acting_as("SimilarSitters", comparison.run(invocation)).await.unwrap()
        };
        let now = Timestamp::now();
        let [ada, bea]: [UserId; 2] = std::array::from_fn(|_| domain::id::new(now));
        let [one, two, three]: [UserId; 3] = std::array::from_fn(|_| domain::id::new(now));
        for (parent, sitter) in [(ada, one), (ada, two), (ada, one), (bea, one), (bea, two), (bea, three)] {
            tables.note_pairing(domain::id::new(now), parent, sitter, now).await.unwrap();
        }
        assert_eq!(tables.booked(ada).await.unwrap(), [(one, 2), (two, 1)].into());
        // Two runs at once, and another: what collides is done by the other, or the next.
        tokio::join!(run(), run());
        run().await;
        assert_eq!(tables.similar(one).await.unwrap(), [(two, 2), (three, 1)].into());
        assert_eq!(tables.similar(two).await.unwrap(), [(one, 2), (three, 1)].into());
        // Nothing new, nothing due; a new one is compared with all before.
        tables.note_pairing(domain::id::new(now), ada, two, now).await.unwrap();
        assert_eq!(run().await, Report { complete: true, ..Report::default() });
        tables.note_pairing(domain::id::new(now), ada, three, now).await.unwrap();
        assert_eq!(run().await.done["pairings"], 1);
        assert_eq!(tables.similar(three).await.unwrap(), [(one, 2), (two, 2)].into());
    }
}
