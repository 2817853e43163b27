using LogtoMigrateInit.Logto;
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
            ConcurrentIndex.FindIn(Script, ConcurrentIndex.BeforeUp));
    }

    [Fact]
    public void What_is_built_before_it_is_reverted_is_found_by_itself()
    {
        const string Script = "({ beforeUp: async (pool) => { await pool.query(sql`create index concurrently a on users (id)`); }, beforeDown: async (pool) => { await pool.query(sql`create index concurrently if not exists b on users (name)`); } })";

        Assert.Equal([new ConcurrentIndex("a", "users", false)], ConcurrentIndex.FindIn(Script, ConcurrentIndex.BeforeUp));
        Assert.Equal([new ConcurrentIndex("b", "users", true)], ConcurrentIndex.FindIn(Script, ConcurrentIndex.BeforeDown));
    }

    [Theory]
    [InlineData("beforeUp: async (pool) => { UP }, beforeDown: async (pool) => { DOWN }, up: async () => {}")]
    [InlineData("up: async () => {}, beforeUp: async (pool) => { UP }, down: async () => {}, beforeDown: async (pool) => { DOWN }")]
    [InlineData("beforeDown: async (pool) => { DOWN }, down: async () => {}, beforeUp: async (pool) => { UP }")]
    [InlineData("'beforeUp': async (pool) => { UP }, 'beforeDown': async (pool) => { DOWN }")]
    [InlineData("async beforeDown(pool) { DOWN }, async beforeUp(pool) { UP }, async up() {}")]
    [InlineData("beforeUp: async (pool) => await pool.query(sql`create index concurrently mine on users (id)`), beforeDown: async (pool) => { DOWN }")]
    [InlineData("beforeUp: async function (pool) { if (pool) { UP } }, beforeDown: async (pool) => { DOWN }")]
    [InlineData("text: '// no comment', beforeUp: async (pool) => { UP /* } */ // }\n }, up: async () => {}, beforeDown: async (pool) => { DOWN }")]
    public void The_order_and_the_form_of_the_properties_do_not_matter(string properties)
    {
        var script = $"const alteration = {{ {properties} }}; export default alteration;"
            .Replace("UP", "await pool.query(sql`create index concurrently mine on users (id)`);", StringComparison.Ordinal)
            .Replace("DOWN", "await pool.query(sql`create index concurrently older on users (id)`);", StringComparison.Ordinal);

        Assert.Equal([new ConcurrentIndex("mine", "users", false)], ConcurrentIndex.FindIn(script, ConcurrentIndex.BeforeUp));
    }

    [Fact]
    public void A_literal_in_SQL_is_no_index() =>
        Assert.Equal(
            [new ConcurrentIndex("mine", "users", true)],
            ConcurrentIndex.FindIn("({ beforeUp: async (pool) => { await pool.query(sql`create index concurrently if not exists \"mine\" on only \"public\".users (id) where x <> 'create index concurrently a on b'`); } })", ConcurrentIndex.BeforeUp));

    [Fact]
    public void A_script_without_beforeUp_builds_none() =>
        Assert.Equal([], ConcurrentIndex.FindIn("const alteration = { /* beforeUp: */ up: async (pool) => { await pool.query(sql`create index a on b (c)`); } };", ConcurrentIndex.BeforeUp));

    [Theory]
    [InlineData("({ beforeUp: async (pool) => { await pool.query(sql`create index concurrently ${name} on users (id)`); }, up: async () => {} })")]
    [InlineData("({ beforeUp: async (pool) => { await pool.query(sql`create index concurrently on users (id)`); }, up: async () => {} })")]
    [InlineData("({ beforeUp: async (pool) => { await buildIndex(pool, 'mine', 'users'); }, up: async () => {} })")]
    [InlineData("({ beforeUp: async (pool) => { await pool.query(createIndex); }, up: async () => {} })")]
    [InlineData("({ beforeUp: async (pool) => { await pool.query(sql.unsafe(text)); }, up: async () => {} })")]
    [InlineData("({ beforeUp: async (pool) => { await Promise.all(names.map((name) => build(name))); }, up: async () => {} })")]
    [InlineData("({ beforeUp: buildIndexes, up: async () => {} })")]
    [InlineData("({ beforeUp: buildIndexes('a'), up: async () => {} })")]
    [InlineData("({ beforeUp: async () => {} }); Object.assign(alteration, { beforeUp: async () => {} })")]
    [InlineData("alteration.beforeUp = async (pool) => { await pool.query(sql`create index concurrently a on b (c)`); };")]
    [InlineData("const { beforeUp } = shared; export default { beforeUp };")]
    [InlineData("export default { beforeUp, up };")]
    [InlineData("({ beforeUp: async (pool) => { const note = '}, up: {'; await pool.query(sql`create index concurrently a on b (c)`); } })")]
    [InlineData("({ beforeUp: async (pool) => { await pool.query(sql`create index concurrently a on b (c)`); }, ['beforeDown']: async (pool) => { await pool.query(sql`create index concurrently d on b (c)`); } })")]
    [InlineData("({ beforeUp: async (pool) => { await pool.query(sql`select 1`); } }); alteration.beforeDown = async (pool) => { await pool.query(sql`create index concurrently d on b (c)`); };")]
    [InlineData("({ pattern: /`/, beforeUp: async (pool) => { // await pool.query(sql`create index concurrently a on b (c)`);\n } })")]
    public void Words_that_do_not_say_it_plainly_are_not_guessed_at(string script) => Assert.Null(ConcurrentIndex.FindIn(script, ConcurrentIndex.BeforeUp));
}
