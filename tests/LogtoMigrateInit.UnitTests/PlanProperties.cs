using System.Globalization;
using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Logto;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>For any catalog and any state the plan is what the CLI's few rules say; those are written down here a second time.</summary>
public sealed partial class PlanProperties
{
    private static readonly Config Thorough = Config.QuickThrowOnFailure.WithMaxTest(5000);

    [Fact]
    public void The_verdict_is_the_one_of_the_CLIs_rules() => Check.One(Thorough, Prop.ForAll(
        (from catalog in Names from database in Databases select (catalog, database)).ToArbitrary(),
        given =>
        {
            var (names, (database, state)) = given;
            var expected = Expect(names, database, state);
            var actual = Describe(names, database);
            return (actual == expected).Label($"{string.Join(' ', names)} | {string.Join(' ', database.States)}\nexpected {expected}\nactual   {actual}");
        }));

    [Fact]
    public void A_JSON_text_is_a_state_exactly_when_the_guard_and_the_rules_of_damage_accept_it() => Check.One(Thorough, Prop.ForAll(
        JsonTexts.Any.ToArbitrary(),
        given =>
        {
            var (text, value) = given;
            var expected = AcceptedTimestamp(value);
            return (ParseState(text) == expected).Label($"{text}\nexpected {expected}");
        }));

    [Fact]
    public void Any_text_is_a_state_or_a_FormatException() => Check.One(Thorough, Prop.ForAll(
        Gen.OneOf(JsonTexts.Damaged, JsonTexts.WellFormed).ToArbitrary(),
        text => ParseState(text) is null or (>= AlterationState.Oldest and <= AlterationState.Newest)));

    [Fact]
    public void What_is_pending_is_never_reached_by_the_state_and_what_is_not_always_is() => Check.One(Thorough, Prop.ForAll(
        (from names in PlainNames from state in Timestamps select (names, state)).ToArbitrary(),
        given =>
        {
            var catalog = AlterationCatalog.Read("1.43.0", given.names);
            var state = new AlterationState(double.Parse(given.state, CultureInfo.InvariantCulture));
            var pending = catalog.PendingAfter(state);
            return pending.All(each => each.Timestamp > state.Timestamp)
                && catalog.Count - pending.Count == given.names.Count(name => Alteration.Parse(name)!.Timestamp <= state.Timestamp)
                && pending.Zip(pending.Skip(1)).All(pair => pair.First.Timestamp <= pair.Second.Timestamp)
                && (pending.Count == 0 || pending[^1] == catalog.Last);
        }));

    /// <summary>Few different ones and close together, so that they meet.</summary>
    private static Gen<string> Timestamps => Gen.OneOf(
        from seconds in Gen.Choose(0, 6) select $"{1_784_620_000 + seconds}",
        from seconds in Gen.Choose(0, 6) from tenth in Gen.Choose(1, 9) select $"{1_784_620_000 + seconds}.{tenth}",
        from seconds in Gen.Choose(1_674_987_042, int.MaxValue) select $"{seconds}");

    private static Gen<string[]> PlainNames =>
        from names in (from timestamp in Timestamps from version in Gen.Elements("1.43.0", "next", "1.0.0_rc.1") from end in Gen.Elements("-a", "-b-c", "") select $"{version}-{timestamp}{end}.js").NonEmptyListOf()
        select names.Take(12).ToArray();

    /// <summary>Mostly alterations, with what else may lie in that folder, and names at which the CLI stops.</summary>
    private static Gen<string[]> Names => Gen.Frequency(
        (8, from plain in PlainNames from others in Gen.Elements("utils", "1.43.0-1784620000-a.d.ts", "readme.js", "-.js", "a-b.js", "1784620000.js").ListOf() select (string[])[.. others.Take(3), .. plain]),
        (1, from plain in PlainNames from odd in Gen.Elements("1-1784620000000-a.js", "next-.5-a.js", "next-1.2.3-a.js", "1.0-2.0.js-1.5.5.js", "a-.-.js", "x-12345678901.js", "a-1-2.2.2.js") select (string[])[.. plain, odd]),
        (1, Gen.Constant<string[]>(["utils", "readme.js"])));

    private static readonly StartFacts LockedOut = MigrationPlanSpecs.Healthy with
    {
        Tenants = [MigrationPlanSpecs.Healthy.Tenants[0] with { RoleProblem = "may not log in" }, MigrationPlanSpecs.Healthy.Tenants[1]],
    };

    private static Gen<(Inspection Database, JsonTexts.Json? State)> Databases =>
        from relations in Relations
        from hasKey in Gen.Frequency((9, Gen.Constant(true)), (1, Gen.Constant(false)))
        from objects in Gen.Elements(0, 1, 70)
        from unprotected in Gen.Frequency((3, Gen.Constant<string[]>([])), (1, Gen.Constant<string[]>(["users"])))
        from start in Gen.Frequency((8, Gen.Constant<StartFacts?>(MigrationPlanSpecs.Healthy)), (1, Gen.Constant<StartFacts?>(LockedOut)), (1, Gen.Constant<StartFacts?>(null)))
        from refusal in Gen.Elements(null, "permission denied")
        from copies in Gen.Frequency((9, Gen.Constant(1)), (1, Gen.Choose(0, 2)))
        from state in Gen.Frequency(
            (9, from timestamp in Timestamps select ($$"""{"timestamp": {{timestamp}}, "updatedAt": ""}""", (JsonTexts.Json?)new JsonTexts.Json.Object([("timestamp", new JsonTexts.Json.Number(timestamp))]))),
            (3, from any in JsonTexts.Any select (any.Text, (JsonTexts.Json?)any.Value)))
        select (
            MigrationPlanSpecs.Logto with
            {
                Relations = relations,
                SystemsHasKey = hasKey,
                ObjectCount = objects,
                TablesWithoutRowSecurity = unprotected,
                States = [.. Enumerable.Repeat(state.Item1, copies)],
                Start = start,
                TenantsRefusal = start is null ? refusal : null,
            },
            copies == 1 ? state.Item2 : null);

    /// <summary>Mostly all of Logto's tables, else any of them in any form.</summary>
    private static Gen<Relation[]> Relations => Gen.Frequency(
        (6, Gen.Constant<Relation[]>([.. MigrationPlanSpecs.Logto.Relations])),
        (4, from found in (from name in Gen.Elements<string>([LogtoNames.Systems, LogtoNames.Systems, LogtoNames.LegacyConfigs, .. LogtoNames.Tables])
                           from kind in Gen.Frequency((6, Gen.Constant(Relation.Table)), (1, Gen.Elements("view", "index")))
                           from schema in Gen.Frequency((6, Gen.Constant(2200u)), (1, Gen.Constant(2201u)))
                           select new Relation(name, kind, schema)).ListOf()
            select found.DistinctBy(each => each.Name).ToArray()));

    private static string Describe(string[] names, Inspection database)
    {
        AlterationCatalog catalog;
        try
        {
            catalog = AlterationCatalog.Read("1.43.0", names);
        }
        catch (FormatException)
        {
            return "stopped";
        }

        return MigrationPlan.Decide(catalog, database) switch
        {
            Verdict.Pending pending => $"pending {string.Join(' ', pending.Alterations.Select(each => each.FileName))}",
            Verdict.Unstartable unstartable => $"unstartable {string.Join(' ', unstartable.TablesWithoutRowSecurity)} {unstartable.Alterations.Count}",
            Verdict.Failing failing => $"failing {failing.Alterations.Count}",
            var other => other.GetType().Name.ToLowerInvariant(),
        };
    }

    /// <summary>The rules of <c>packages/cli/src/commands/database/alteration</c>, and before them what the gate refuses to touch.</summary>
    private static string Expect(string[] names, Inspection database, JsonTexts.Json? stateValue)
    {
        var alterations = names.Where(name => FileName().IsMatch(name)).Select(name => (Name: name, Part: FileName().Match(name).Groups[1].Value)).ToArray();
        if (alterations.Length == 0 || alterations.Any(each => each.Part.Split('.') is not ([{ Length: > 0 and <= 10 }] or [{ Length: > 0 and <= 10 }, _])))
        {
            return "stopped";
        }

        var systems = database.Relations.SingleOrDefault(relation => relation.Name == "systems");
        var tables = database.Relations
            .Where(relation => relation.Kind == "table" && relation.Schema == (systems?.Schema ?? relation.Schema)).Select(relation => relation.Name).ToHashSet();
        string[] whole = ["tenants", "users", "applications", "roles", "resources", "logto_configs", "sign_in_experiences"];
        if (systems is null)
        {
            return tables.Contains("_logto_configs") || tables.Contains("logto_configs") || (tables.Contains("users") && tables.Contains("applications")) ? "damaged"
                : database.ObjectCount == 0 ? "empty" : "foreign";
        }

        if (!whole.Any(tables.Contains))
        {
            return "foreign";
        }

        if (!tables.Contains("systems") || !whole.All(tables.Contains) || !database.SystemsHasKey || tables.Contains("_logto_configs")
            || stateValue is null || AcceptedTimestamp(stateValue) is not { } state)
        {
            return "damaged";
        }

        var numbered = alterations.Select(each => (each.Name, Timestamp: double.Parse(each.Part, CultureInfo.InvariantCulture))).OrderBy(each => each.Timestamp).ToArray();
        var pending = numbered.Where(each => each.Timestamp > state).Select(each => each.Name).ToArray();
        return database.TablesWithoutRowSecurity.Count > 0 ? $"unstartable {string.Join(' ', database.TablesWithoutRowSecurity)} {pending.Length}"
            : database.Start == LockedOut ? $"failing {pending.Length}"
            : pending.Length > 0 ? $"pending {string.Join(' ', pending)}"
            : database.TenantsRefusal is not null ? "hidden"
            : database.Start is null ? "damaged"
            : numbered.All(each => each.Timestamp < state) ? "ahead"
            : "matching";
    }

    /// <summary>
    /// <c>z.object({ timestamp: z.number(), updatedAt: z.string().optional() })</c>, and a number that can be one: not before the
    /// alteration that creates the table, and not in milliseconds.
    /// </summary>
    private static double? AcceptedTimestamp(JsonTexts.Json value) =>
        value is JsonTexts.Json.Object state
        && state.Last("timestamp") is JsonTexts.Json.Number number
        && state.Last("updatedAt") is null or JsonTexts.Json.String
        && double.Parse(number.Text, CultureInfo.InvariantCulture) is >= 1674987042 and <= 9999999999 and var timestamp
            ? timestamp
            : null;

    private static double? ParseState(string text)
    {
        try
        {
            return AlterationState.Parse(text).Timestamp;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    // Character for character as in the CLI; the option makes \d mean what it means there.
    [GeneratedRegex(@"-([\d.]+)-?.*\.js$", RegexOptions.ECMAScript)]
    private static partial Regex FileName();
}
