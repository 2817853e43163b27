using LogtoMigrateInit.Locking;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.IntegrationTests;

/// <summary>What the holder of the lock does about the sessions of other runs' CLIs, as an ordinary owner of the database.</summary>
public sealed class OrphanSpecs(TestServer server)
{
    private const string Other = SessionNames.CliPrefix + "other";
    private const string Own = SessionNames.CliPrefix + "own";

    private static readonly Timings Lease = new(TimeSpan.FromSeconds(60));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory(Timeout = 150_000)]
    [InlineData("select 1", Other, true)]
    [InlineData("begin; select 1", Other, true)]
    [InlineData("begin; lock table t in access exclusive mode", Other, true)]
    [InlineData("begin; insert into systems values (1)", Other, true)]
    [InlineData("begin; lock table t in access exclusive mode", Own, false)]
    [InlineData("begin; lock table t in access exclusive mode", "psql", false)]
    public async Task A_session_that_runs_no_statement_is_ended_by_its_name(string statement, string applicationName, bool ended)
    {
        await using var owner = await OwnerAsync();
        await using var session = await OpenAsync(owner, owner.User, applicationName);
        await ExecuteAsync(session, statement);

        var fenced = await FenceAsync(owner);

        Assert.Empty(fenced.AtWork);
        Assert.Equal(ended, fenced.Ended.Count == 1);
        if (ended)
        {
            await server.WaitUntilAsync(owner.Database, $"not exists (select from pg_stat_activity where application_name = '{applicationName}')");
        }
        else
        {
            await ExecuteAsync(session, "select 1");
        }
    }

    /// <summary>As Vault's short-lived users: each works as the owner that they share, who may not end their sessions.</summary>
    [Fact(Timeout = 150_000)]
    public async Task A_session_of_a_role_that_works_as_another_one_is_seen_and_ended_too()
    {
        await using var owner = await OwnerAsync();
        var user = $"user_of_{owner.Database}";
        await server.ExecuteAsync("postgres", $"create role {user} login password 'secret' connection limit 5 in role {owner.User}; alter role {user} set role {owner.User}");
        await using var other = owner with { User = user, Connection = server.Connect(owner.Database, ("DB_URL", server.Server.Url(owner.Database, user, "secret"))) };
        await using var session = await OpenAsync(other, user, Other);
        await ExecuteAsync(session, "begin; lock table t in access exclusive mode");

        var free = await FreeSlotsAsync(other);
        var fenced = await FenceAsync(other);

        Assert.Empty(fenced.AtWork);
        Assert.Single(fenced.Ended);
        Assert.InRange(free, 0, 3);
    }

    [Theory(Timeout = 150_000)]
    [InlineData("lock table t in share update exclusive mode; select pg_sleep(1000)", true)]
    [InlineData("lock table t in access exclusive mode; select pg_sleep(1000)", true)]
    [InlineData("insert into systems values (1); select pg_sleep(1000)", true)]
    [InlineData("insert into t values (1); select pg_sleep(1000)", false)]
    public async Task A_session_at_work_with_a_strong_lock_is_left_to_end_by_itself(string statement, bool atWork)
    {
        await using var owner = await OwnerAsync();
        var working = WorkAsync(owner, $"begin; {statement}");
        await server.WaitUntilAsync(owner.Database, $"exists (select from pg_stat_activity where application_name = '{Other}' and wait_event = 'PgSleep')");

        var fenced = await FenceAsync(owner);

        Assert.Equal(atWork, fenced.AtWork.Count == 1);
        Assert.Equal(!atWork, fenced.Ended.Count == 1);
        await server.ExecuteAsync("postgres", $"select pg_terminate_backend(pid) from pg_stat_activity where application_name = '{Other}' and datname = '{owner.Database}'");
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => working);
    }

    [Theory(Timeout = 150_000)]
    [InlineData("begin; lock table t in access exclusive mode", true)]
    [InlineData("select 1", false)]
    public async Task A_session_that_an_owner_may_not_end_is_waited_for_by_its_locks(string statement, bool atWork)
    {
        await using var owner = await OwnerAsync();
        await using var session = await OpenAsync(owner, null, Other);
        await ExecuteAsync(session, statement);

        var fenced = await FenceAsync(owner);

        Assert.Equal(atWork, fenced.AtWork.Count == 1);
        Assert.Empty(fenced.Ended);
        await ExecuteAsync(session, "select 1");
    }

    [Fact(Timeout = 150_000)]
    public async Task The_free_slots_are_those_of_the_tightest_limit()
    {
        await using var owner = await OwnerAsync();
        Assert.InRange(await FreeSlotsAsync(owner), 10, 200);
        await server.ExecuteAsync("postgres", $"alter database {owner.Database} connection limit 9");
        Assert.InRange(await FreeSlotsAsync(owner), 5, 8);
        await server.ExecuteAsync("postgres", $"alter role {owner.User} connection limit 4");
        Assert.Equal(3, await FreeSlotsAsync(owner));
    }

    [Fact(Timeout = 150_000)]
    public async Task Terminating_ends_the_sessions_of_this_run_and_no_others()
    {
        await using var owner = await OwnerAsync();
        await using var ours = await OpenAsync(owner, owner.User, "run-1");
        await using var others = await OpenAsync(owner, owner.User, "run-2");

        Assert.Equal(1, await owner.Connection.WithConnectionAsync((connection, token) => SessionQueries.TerminateAsync(connection, "run-1", token), Token));

        await server.WaitUntilAsync(owner.Database, "not exists (select from pg_stat_activity where application_name = 'run-1')");
        await ExecuteAsync(others, "select 1");
    }

    [Fact(Timeout = 150_000)]
    public async Task Who_has_lost_the_lock_without_hearing_of_it_ends_nobody_and_hears_of_it_at_the_next_look()
    {
        await using var owner = await OwnerAsync();
        await using var old = (await TakeLockAsync(owner))!;
        await server.ExecuteAsync("postgres", $"select pg_terminate_backend({old.Pid})");
        await server.WaitUntilAsync(owner.Database, $"not exists (select from pg_stat_activity where pid = {old.Pid})");
        await using var held = (await TakeLockAsync(owner))!;
        await using var session = await OpenAsync(owner, owner.User, Other);
        await ExecuteAsync(session, "begin; lock table t in access exclusive mode");

        Assert.Empty((await FenceAsync(owner, old)).Ended);
        await using var watch = new SessionWatch(owner.Connection, Own, Lease.Lease, NullLogger.Instance);
        Assert.Null(await watch.LookAsync(old));

        Assert.True(old.Lost.IsCancellationRequested);
        Assert.False(held.Lost.IsCancellationRequested);
        await ExecuteAsync(session, "select 1");
        Assert.NotNull(await watch.LookAsync(held));
        await server.WaitUntilAsync(owner.Database, $"not exists (select from pg_stat_activity where application_name = '{Other}')");
    }

    private static async Task<FencedSessions> FenceAsync(Owner owner)
    {
        await using var held = await TakeLockAsync(owner);
        return await FenceAsync(owner, held!);
    }

    private static Task<FencedSessions> FenceAsync(Owner owner, MigrationLock held) =>
        owner.Connection.WithConnectionAsync((connection, token) => SessionQueries.FenceAsync(connection, Own, held.Pid, token), Token);

    private static async Task<MigrationLock?> TakeLockAsync(Owner owner) =>
        await MigrationLock.TryTakeAsync(await owner.Connection.OpenAsync(Token), Lease, NullLogger.Instance, Token);

    private static Task<long> FreeSlotsAsync(Owner owner) => owner.Connection.WithConnectionAsync(SessionQueries.CountFreeSlotsAsync, Token);

    private async Task<Owner> OwnerAsync()
    {
        var database = await server.CreateDatabaseAsync();
        var user = $"owner_of_{database}";
        await server.ExecuteAsync("postgres", $"create role {user} login password 'secret'; alter database {database} owner to {user}");
        await server.ExecuteAsync(database, $"set role {user}; create schema own; create table public.t (id int); create table public.systems (id int)");
        return new Owner(database, user, server.Connect(database, ("DB_URL", server.Server.Url(database, user, "secret"))));
    }

    private async Task<NpgsqlConnection> OpenAsync(Owner owner, string? user, string applicationName)
    {
        var session = new NpgsqlConnection(new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1",
            Port = server.Server.Port,
            Database = owner.Database,
            Username = user ?? Fixtures.PostgresServer.Superuser,
            Password = user is null ? Fixtures.PostgresServer.Password : "secret",
            ApplicationName = applicationName,
            Pooling = false,
        }.ConnectionString);
        await session.OpenAsync(Token);
        return session;
    }

    private async Task WorkAsync(Owner owner, string statement)
    {
        await using var session = await OpenAsync(owner, owner.User, Other);
        await ExecuteAsync(session, statement);
    }

    private static async Task ExecuteAsync(NpgsqlConnection session, string statement)
    {
        await using var command = new NpgsqlCommand(statement, session);
        await command.ExecuteNonQueryAsync(Token);
    }

    private sealed record Owner(string Database, string User, LogtoDatabase Connection) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Connection.DisposeAsync();
    }
}
