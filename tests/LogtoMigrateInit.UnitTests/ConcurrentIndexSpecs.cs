using LogtoMigrateInit.Alterations;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

public sealed class ConcurrentIndexSpecs
{
    [Fact]
    public void Indexes_are_read_between_beforeUp_and_up_only()
    {
        const string Script = """
            const alteration = {
                // create index concurrently commented on users (id);
                beforeUp: async (pool) => {
                    await pool.query(sql `
                  create unique index concurrently scopes__tenant_id_id
                    on scopes (tenant_id, id);
                `);
                    await pool.query(sql `
                  CREATE INDEX CONCURRENTLY IF NOT EXISTS logs__created_at
                    ON logs (tenant_id); -- create index concurrently nothing on nowhere
                  drop index concurrently if exists old_one;
                `);
                },
                up: async () => { },
                beforeDown: async (pool) => {
                    await pool.query(sql `create index concurrently old_one on logs (id);`);
                },
                down: async () => { },
            };
            """;

        Assert.Equal(
            [new ConcurrentIndex("scopes__tenant_id_id", "scopes", false), new ConcurrentIndex("logs__created_at", "logs", true)],
            ConcurrentIndex.FindIn(Script));
    }

    [Fact]
    public void A_script_without_beforeUp_builds_none() =>
        Assert.Equal([], ConcurrentIndex.FindIn("const alteration = { up: async (pool) => { await pool.query(sql`create index a on b (c)`); } };"));

    [Theory]
    [InlineData("beforeUp: async (pool) => { await pool.query(sql`create index concurrently ${name} on users (id)`); }, up: async () => {}")]
    [InlineData("beforeUp: async (pool) => { await pool.query(sql`create index concurrently on users (id)`); }, up: async () => {}")]
    [InlineData("const { beforeUp } = shared; export default { beforeUp };")]
    public void Words_that_do_not_say_it_plainly_are_not_guessed_at(string script) => Assert.Null(ConcurrentIndex.FindIn(script));
}
