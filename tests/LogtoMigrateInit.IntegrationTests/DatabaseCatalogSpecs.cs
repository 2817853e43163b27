using LogtoMigrateInit.PostgreSql;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.IntegrationTests;

public sealed class DatabaseCatalogSpecs(TestServer server)
{
    /// <summary>Debian's PostgreSQL 15.20 keeps <c>pg_attver=NUMBER</c> there, another one in each database.</summary>
    [Fact(Timeout = 300_000)]
    public async Task What_the_server_keeps_for_itself_in_the_options_of_columns_is_no_definition()
    {
        var token = TestContext.Current.CancellationToken;
        await using var connection = await server.Server.OpenAsync(await server.CreateDatabaseAsync(), token);
        await ExecuteAsync("create table users (id int, name text); alter table users alter name set (n_distinct = 5)");
        var before = await ReadAsync();

        await ExecuteAsync("update pg_attribute set attoptions = attoptions || '{pg_attver=82178032}'::text[] where attrelid = 'users'::regclass and attnum > 0");
        var same = await ReadAsync();
        await ExecuteAsync("update pg_attribute set attoptions = '{n_distinct=6,pg_attver=1}' where attrelid = 'users'::regclass and attname = 'name'");
        var changed = await ReadAsync();

        Assert.NotNull(before);
        Assert.Equal(before, same);
        Assert.NotEqual(before, changed);

        async Task<string?> ReadAsync()
        {
            await using var transaction = await connection.BeginTransactionAsync(token);
            await ExecuteAsync("set local search_path = pg_catalog");
            return (await DatabaseCatalog.ReadAsync(connection, token)).Objects.Single(each => each.Name == "public.users").Definition;
        }

        async Task ExecuteAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            await command.ExecuteNonQueryAsync(token);
        }
    }
}
