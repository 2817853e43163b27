using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using LogtoMigrateInit.Benchmarks;
using LogtoMigrateInit.Fixtures;

// Called by bench/run.sh: [--quick] OUTPUT; with --report, only written again from OUTPUT/results.json.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var json = new JsonSerializerOptions(JsonSerializerOptions.Web) { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
if (arguments() is ["--herd", var herdsFile]) // only the slowest part, into the results of the last run
{
    await using var crowded = await Field.OpenAsync(quick: false);
    var herd = await HerdBench.MeasureAsync(crowded);
    await ReplaceAsync(herdsFile, last => last with { Herd = herd, Size = SizeMap.Read() });
    return;
}

if (arguments() is ["--backup", var megabytes, var backupsFile]) // only the part that needs a large database, likewise
{
    await using var idle = await Field.OpenAsync(quick: false);
    var backup = await BackupBench.MeasureAsync(idle, int.Parse(megabytes, CultureInfo.InvariantCulture));
    await ReplaceAsync(backupsFile, last => last with { Backup = backup });
    return;
}

if (arguments() is ["--rehearsal", var rows, var written]) // what a rehearsal foretells, likewise
{
    await using var idle = await Field.OpenAsync(quick: false);
    var rehearsal = await RehearsalBench.MeasureAsync(idle, int.Parse(rows, CultureInfo.InvariantCulture));
    await ReplaceAsync(written, last => last with { Rehearsal = rehearsal });
    return;
}

var quick = arguments().Contains("--quick");
var output = arguments().Last();
if (arguments().Contains("--report"))
{
    await WriteAsync(JsonSerializer.Deserialize<Results>(await File.ReadAllTextAsync(Path.Combine(output, "results.json")), json)!);
    return;
}

var size = SizeMap.Read(); // first, because it fails at once or never
await using var field = await Field.OpenAsync(quick);

var results = new Results(
    await DescribeMachineAsync(field),
    quick,
    await Say("nothing pending", NothingPending.MeasureAsync(field)),
    await Say("alterations pending", PendingAlterations.MeasureAsync(field)),
    await Say("where the CLI's time goes", PendingAlterations.DissectCliAsync(field)),
    await Say("waiting", Waiting.MeasureAsync(field)),
    await Say("growth with the alterations", Scale.OfAlterationsAsync(field)),
    await Say("growth with the tables", Scale.OfTablesAsync(field)),
    await Say("growth with the latency", Scale.OfLatencyAsync(field)),
    await Say("growth with the replicas", Scale.OfReplicasAsync(field)),
    await Say("replicas that wait", HerdBench.MeasureAsync(field)),
    await Say("backups", BackupBench.MeasureAsync(field)),
    size)
{
    Rehearsal = await Say("what a rehearsal foretells", RehearsalBench.MeasureAsync(field, quick ? RehearsalBench.QuickMegabytes : RehearsalBench.UsualMegabytes)),
};

await WriteAsync(results);

async Task ReplaceAsync(string file, Func<Results, Results> replace)
{
    var all = replace(JsonSerializer.Deserialize<Results>(await File.ReadAllTextAsync(file), json)!);
    await File.WriteAllTextAsync(file, JsonSerializer.Serialize(all, json) + "\n");
}

async Task WriteAsync(Results all)
{
    await File.WriteAllTextAsync(Path.Combine(output, "results.json"), JsonSerializer.Serialize(all, json) + "\n");
    await File.WriteAllTextAsync(Path.Combine(output, "README.md"), Report.Full(all));
    foreach (var target in all.Quick ? [] : all.Targets) // single runs say nothing about a target
    {
        Console.WriteLine($"{(target.Met ? "met    " : "NOT MET")} {target.Name}: {target.Measured} (wanted {target.Wanted})");
    }
}

string[] arguments() => Environment.GetCommandLineArgs()[1..];

static async Task<T> Say<T>(string what, Task<T> measuring)
{
    var result = await measuring;
    Console.WriteLine($"measured: {what}");
    return result;
}

static async Task<Machine> DescribeMachineAsync(Field field)
{
    var processor = (await File.ReadAllLinesAsync("/proc/cpuinfo")).FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(": ")[1] ?? "unknown";
    var kernel = (await File.ReadAllTextAsync("/proc/sys/kernel/osrelease")).Trim();
    var server = await field.Server.QuerySingleAsync<string>("postgres", "show server_version");
    var node = (await Tool.RunAsync(Repository.Node, ["--version"])).StandardOutput.Trim();
    var commit = (await Tool.RunAsync("git", ["-C", Repository.Root, "rev-parse", "--short=12", "HEAD"])).StandardOutput.Trim();
    return new Machine(DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), Environment.ProcessorCount, processor, kernel, server, node, commit);
}
