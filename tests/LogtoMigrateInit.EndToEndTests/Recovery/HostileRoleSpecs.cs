using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests.Recovery;

/// <summary>A role's limits are for the sessions of users, not for a restore or a rehearsal: by an ordinary owner, with real tools.</summary>
public sealed class HostileRoleSpecs(SharedServers servers)
{
    private static CancellationToken Token => FakeWorld.Token;

    // The oldest, and the newest with a setting more. Between statements the program waits for its tools.
    [Theory(Timeout = 900_000)]
    [InlineData(14, "default_transaction_read_only = on")]
    [InlineData(18, "default_transaction_read_only = on")]
    [InlineData(14, "statement_timeout = '20ms'")]
    [InlineData(18, "statement_timeout = '20ms'")]
    [InlineData(17, "idle_session_timeout = '200ms'")]
    [InlineData(18, "default_transaction_isolation = 'serializable'")]
    public async Task A_backup_is_restored_whatever_the_owners_role_has_set(int major, string setting)
    {
        await using var world = await BackupWorld.CreateAsync(servers, major);
        await world.Server.ExecuteAsync(
            world.Database, "create table notes as select i as id, repeat(md5(i::text), 20) as text from generate_series(1, 60000) i", Token);
        await world.Server.ExecuteAsync(world.Database, $"alter table notes owner to {world.Owner}", Token);
        var before = await world.RowsAsync();
        var dump = await world.BackUpAsync();
        await world.Server.ExecuteAsync("postgres", $"alter role {world.Owner} set {setting}", Token);

        var result = await world.RunAsync(["restore", dump, "--yes"]);

        await world.Server.ExecuteAsync("postgres", $"alter role {world.Owner} reset all", Token);
        Expect.Ending(Expect.Success, result);
        Assert.Equal(before, await world.RowsAsync());
        await world.LeavesNothingAsync();
    }

    [Theory(Timeout = 900_000)]
    [InlineData("statement_timeout = '20ms'")]
    [InlineData("idle_session_timeout = '200ms'")]
    public async Task A_backup_is_verified_by_a_restore_whatever_the_owners_role_has_set(string setting)
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        await world.Server.ExecuteAsync(
            world.Database, "create table notes as select i as id, repeat(md5(i::text), 20) as text from generate_series(1, 60000) i", Token);
        await world.Server.ExecuteAsync(world.Database, $"alter table notes owner to {world.Owner}", Token);
        await world.Server.ExecuteAsync("postgres", $"alter role {world.Owner} set {setting}", Token);

        var result = await world.RunAsync("backup", ("LOGTO_INIT_BACKUP_VERIFY", "restore"));

        await world.Server.ExecuteAsync("postgres", $"alter role {world.Owner} reset all", Token);
        Expect.Ending(Expect.Success, result);
        await world.LeavesNothingAsync();
    }
}
