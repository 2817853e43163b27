using System.Text.Json.Nodes;
using LogtoMigrateInit.Fixtures;

namespace LogtoMigrateInit.Benchmarks;

/// <summary>One row: what it costs to find that nothing is pending.</summary>
/// <param name="Name">Who asks.</param>
/// <param name="Cost">Of one run.</param>
/// <param name="DiskBytes">What must be installed for it beside the libraries of the system; null when it is part of another row.</param>
/// <param name="Traffic">Of one run; null when there is none.</param>
internal sealed record NothingPendingRow(string Name, Cost Cost, long? DiskBytes, Traffic? Traffic);

/// <summary>The start of a container whose database is right: by far the most frequent one.</summary>
internal static class NothingPending
{
    public const string Gate = "this program";
    public const string GateTls = "this program, TLS";
    public const string Psql = "psql";
    public const string PsqlTls = "psql through TLS";
    public const string Cli = "Logto's CLI";

    public static async Task<IReadOnlyList<NothingPendingRow>> MeasureAsync(Field field)
    {
        var certificate = TestCertificate.Issue(new CertificateTerms { DnsNames = ["localhost"], Addresses = ["127.0.0.1"] });
        using var files = await ServerCertificateFiles.WriteAsync(certificate, [], certificate.Pem, CancellationToken.None);
        await field.Server.RestartAsync(new Dictionary<string, string>(files.Settings) { ["max_connections"] = "400" });
        var npm = Path.Combine(Repository.Root, "bench", "node_modules");
        var (dbmate, dbmateUrl) = (Path.Combine(npm, "@dbmate", "linux-x64", "bin", "dbmate"), field.Server.Url(await field.Server.CreateDatabaseAsync()));
        var (pgMigrate, pgMigrateUrl) = (Path.Combine(npm, "node-pg-migrate", "bin", "node-pg-migrate.js"), field.Server.Url(await field.Server.CreateDatabaseAsync()));
        var migrations = WriteMigrations(field);
        await Rival.RunAsync(Dbmate("up", dbmateUrl));
        await Rival.RunAsync(PgMigrate(pgMigrateUrl));

        var url = field.Server.Url(field.Database);
        (string Name, Func<string, Invocation> At, string Url, long? Disk)[] rivals =
        [
            (Gate, at => field.Gate(at), url, Size(Repository.Binary)),
            (GateTls, at => field.Gate($"{at}?sslmode=require", null, ("NODE_EXTRA_CA_CERTS", files.AuthorityFile)), url, null),
            (Psql, Field.AskPsql, url, Size(Field.Psql)),
            (PsqlTls, at => Field.AskPsql($"{at}?sslmode=require"), url, null),
            ("dbmate status", at => Dbmate("status", at), dbmateUrl, Size(dbmate)),
            ("node-pg-migrate up", PgMigrate, pgMigrateUrl, Size(Repository.Node) + PackageSize(npm, "node-pg-migrate", "pg")),
            (Cli, at => Field.Cli(at, field.Target, "db", "alteration", "deploy", "next"), url, Size(Repository.Node) + Size(Path.Combine(field.Target.Directory, "node_modules"))),
            ("the same by npm run", at => field.NpmRun(at, field.Target, "latest"), url, null),
        ];
        var costs = await Rival.CompareAsync(
            [.. rivals.Select(rival => new Rival(rival.Name, rival.At(rival.Url))), new Rival("node -e 0", new Invocation(Repository.Node, ["-e", "0"], new Dictionary<string, string?>()))],
            field.Rounds(20));
        var rows = new List<NothingPendingRow>();
        foreach (var (name, at, target, disk) in rivals)
        {
            await using var proxy = new WireProxy(field.Server.Port, TimeSpan.Zero);
            await Rival.RunAsync(at(target.Replace($":{field.Server.Port}/", $":{proxy.Port}/", StringComparison.Ordinal)));
            rows.Add(new NothingPendingRow(name, costs[name], disk, name.Contains("TLS", StringComparison.Ordinal) ? proxy.Traffic with { AfterAuthentication = null } : proxy.Traffic));
        }

        return [.. rows, new NothingPendingRow("node -e 0", costs["node -e 0"], Size(Repository.Node), null)];

        Invocation Dbmate(string command, string at) => new(
            dbmate, ["--migrations-dir", Path.Combine(migrations, "dbmate"), "--no-dump-schema", command], new Dictionary<string, string?> { ["DATABASE_URL"] = $"{at}?sslmode=disable" });

        Invocation PgMigrate(string at) => new(
            Repository.Node, [pgMigrate, "up", "--migrations-dir", Path.Combine(migrations, "node-pg-migrate")], new Dictionary<string, string?> { ["DATABASE_URL"] = at }, migrations);
    }

    /// <summary>As many as Logto ships, in the forms of the two other tools.</summary>
    private static string WriteMigrations(Field field)
    {
        var directory = field.NewDirectory();
        foreach (var tool in new[] { "dbmate", "node-pg-migrate" })
        {
            Directory.CreateDirectory(Path.Combine(directory, tool));
        }

        for (var number = 0; number < LogtoRelease.Newest.AlterationCount; number++)
        {
            File.WriteAllText(Path.Combine(directory, "dbmate", $"{20200101000000 + number}_nothing.sql"), "-- migrate:up\nselect 1;\n-- migrate:down\n");
            File.WriteAllText(Path.Combine(directory, "node-pg-migrate", $"{1600000000000 + number}_nothing.sql"), "-- Up Migration\nselect 1;\n-- Down Migration\n");
        }

        return directory;
    }

    /// <summary>Packages with all that they depend on, as the lock file has it; npm puts every one of these side by side.</summary>
    private static long PackageSize(string npm, params string[] names)
    {
        var locked = JsonNode.Parse(File.ReadAllText(Path.Combine(npm, ".package-lock.json")))!["packages"]!;
        var (found, open) = (new HashSet<string>(names), new Queue<string>(names));
        while (open.TryDequeue(out var name))
        {
            foreach (var (dependency, _) in locked[$"node_modules/{name}"]?["dependencies"]?.AsObject() ?? [])
            {
                if (found.Add(dependency))
                {
                    open.Enqueue(dependency);
                }
            }
        }

        return found.Sum(name => Size(Path.Combine(npm, name)));
    }

    private static long Size(string path) => File.Exists(path)
        ? new FileInfo(path).Length
        : new DirectoryInfo(path).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);
}
