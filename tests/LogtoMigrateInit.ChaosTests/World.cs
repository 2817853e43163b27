using System.Globalization;
using LogtoMigrateInit.Fixtures;

namespace LogtoMigrateInit.ChaosTests;

/// <summary>A database, the installations, the replicas and the observer of one schedule.</summary>
internal sealed class World : IAsyncDisposable
{
    private readonly List<LogtoInstallation> _installations = [];

    private World(Stage stage, Schedule schedule, string database)
    {
        (Stage, Schedule, Database) = (stage, schedule, database);
        Observer = new Observer(stage.Server, database, Chronicle);
        Statements = new StatementLog(stage.Server, database);
    }

    public Stage Stage { get; }

    public Schedule Schedule { get; }

    public string Database { get; }

    public Chronicle Chronicle { get; } = new();

    public Observer Observer { get; }

    public StatementLog Statements { get; }

    public IReadOnlyList<Replica> Replicas { get; private set; } = [];

    public IReadOnlyList<LogtoInstallation> Installations => _installations;

    public string Url => Stage.Url(Database);

    public static async Task<World> CreateAsync(Stage stage, Schedule schedule, CancellationToken cancellationToken)
    {
        var world = new World(stage, schedule, await stage.CreateDatabaseAsync(cancellationToken));
        var folders = schedule.Replicas.Select(replica => replica.Folder).Distinct().Order().ToList();
        foreach (var _ in folders)
        {
            var installation = await LogtoRelease.Newest.CopyAsync(cancellationToken);
            world._installations.Add(installation);
            await Stretch.AddToAsync(installation, schedule.Delays, cancellationToken);
        }

        world.Replicas = [.. schedule.Replicas.Select((plan, index) => new Replica(index, plan, world._installations[folders.IndexOf(plan.Folder)], world))];
        return world;
    }

    /// <summary>What a gate is given: as an ordinary owner, and through this port.</summary>
    public Dictionary<string, string?> Variables(LogtoInstallation installation, int port) => new()
    {
        ["DB_URL"] = Url.Replace($":{Stage.Server.Port}/", $":{port}/", StringComparison.Ordinal),
        ["LOGTO_INIT_LOGTO_DIR"] = installation.Directory,
        ["LOGTO_INIT_LOG_LEVEL"] = "debug",
        ["LOGTO_INIT_LOCK_LEASE_SECONDS"] = Lease.IsTold ? $"{Schedule.LeaseSeconds}" : null,
    };

    /// <summary>Somebody has said that Logto may start: is that so at this moment?</summary>
    public async Task JudgePassAsync(string who, CancellationToken cancellationToken)
    {
        // The second half is Logto's own question (packages/core/src/env-set/preconditions.ts); its answer about the first is asked once, at the end.
        const string sql = """
            select format('the state is %s', coalesce((select value->>'timestamp' from systems where key = 'alterationState'), 'missing'))
            union all
            select format('%s has no row-level security', tablename) from pg_tables
              where schemaname = current_schema() and not rowsecurity and tablename not in ('systems', 'service_logs')
            """;
        var findings = await Stage.WhenUpAsync(() => Stage.Server.QueryAsync<string>(Database, sql, cancellationToken), cancellationToken);
        var right = string.Create(CultureInfo.InvariantCulture, $"the state is {Stretch.Target}");
        foreach (var wrong in findings.Where(finding => finding != right))
        {
            Chronicle.Violate($"{who} passed although {wrong}");
        }
    }

    /// <summary>One CLI after the other, and a single one where nothing disturbs it.</summary>
    public async Task JudgeStatementsAsync(CancellationToken cancellationToken)
    {
        await Statements.ReadAsync(isFull: false, cancellationToken);
        foreach (var statement in Statements.Interleaved())
        {
            Chronicle.Violate(statement);
        }

        if (Schedule.IsGentle && Statements.Clis.Count != 1)
        {
            Chronicle.Violate($"{Statements.Clis.Count} CLIs worked on the database, although nothing disturbed the first: {string.Join(", ", Statements.Clis)}");
        }
    }

    /// <summary>The first half of the standing rule: a plain run succeeds with no hand on the database.</summary>
    public async Task MigratePlainlyAsync(CancellationToken cancellationToken)
    {
        var result = await Gate.RunAsync(["migrate"], Variables(_installations[0], Stage.Server.Port), Schedule.Limit, cancellationToken);
        if (result.ExitCode != 0)
        {
            Chronicle.Violate($"the plain migrate afterwards ended with {result.ExitCode}: {result.LastLine}");
        }
    }

    /// <summary>The second half: the schema and the rows are what they should be, and nothing is left.</summary>
    /// <param name="settlingTime">Sessions, locks and processes end in their own time, but they end.</param>
    /// <param name="cancellationToken">Ends the judgement.</param>
    public async Task JudgeAftermathAsync(TimeSpan settlingTime, CancellationToken cancellationToken)
    {
        await JudgePassAsync("everybody", cancellationToken);
        foreach (var left in await LeftBehindAsync(settlingTime, cancellationToken))
        {
            Chronicle.Violate($"left behind: {left}");
        }

        foreach (var difference in await Stage.Baseline.DifferencesAsync(Stage.Server, Database, cancellationToken))
        {
            Chronicle.Violate(difference);
        }

        var precondition = await Stage.Judge.PreconditionsAsync(Url, cancellationToken);
        if (!precondition.WouldStart)
        {
            Chronicle.Violate($"Logto would not start: {precondition.Undeployed} undeployed, without row-level security: {string.Join(", ", precondition.WithoutRls)}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Observer.DisposeAsync();
        foreach (var replica in Replicas)
        {
            await replica.DisposeAsync();
        }

        foreach (var installation in _installations)
        {
            foreach (var (process, _) in ProcessTable.Naming(installation))
            {
                process.Signal(Signals.Kill);
            }

            await installation.DisposeAsync();
        }

        await Stage.DropDatabaseAsync(Database, CancellationToken.None);
    }

    private async Task<IReadOnlyList<string>> LeftBehindAsync(TimeSpan settlingTime, CancellationToken cancellationToken)
    {
        const string sql = $"""
            select format('the session %s, pid %s, %s, running: %s', application_name, pid, state, query) from pg_stat_activity
              where datname = current_database() and starts_with(application_name, '{Observer.GateName}')
            union all
            select format('an advisory lock of pid %s', pid) from pg_locks
              where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())
            """;
        var began = Chronicle.Now;
        while (true)
        {
            IReadOnlyList<string> left =
            [
                .. await Stage.Server.QueryAsync<string>(Database, sql, cancellationToken),
                .. _installations.SelectMany(each => ProcessTable.Naming(each)).Select(each => $"the process {each.Process.Pid}: {each.CommandLine}"),
            ];
            if (left.Count == 0 || Chronicle.Now - began > settlingTime)
            {
                return left;
            }

            await Task.Delay(50, cancellationToken);
        }
    }
}
