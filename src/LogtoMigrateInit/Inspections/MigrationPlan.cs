using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;

namespace LogtoMigrateInit.Inspections;

/// <summary>Decides what a database needs. A pure function of the target's catalog and the inspection.</summary>
internal static class MigrationPlan
{
    /// <summary>Returns the verdict, both before a deploy and to verify its result.</summary>
    public static Verdict Decide(AlterationCatalog catalog, Inspection database)
    {
        var systems = database.Relations.FirstOrDefault(relation => relation.Name == LogtoNames.Systems);
        var hasLegacyConfigs = HasTable(database, LogtoNames.LegacyConfigs, systems);
        var missing = LogtoNames.Tables.Where(name => !HasTable(database, name, systems)).ToArray();
        return systems switch
        {
            _ when database.DriverRefusal is { } refusal => new Verdict.DriverRefused(refusal),
            null => DecideWithoutState(database, missing, hasLegacyConfigs),

            // Other programs use the name "systems" too. It points to Logto only together with other tables of Logto.
            _ when missing.Length == LogtoNames.Tables.Count => new Verdict.Foreign(
                $"it has {Named(systems.Kind)} called 'systems' and none of Logto's other tables"),
            { Kind: not Relation.Table } => new Verdict.Damaged(
                $"its 'systems' is {Named(systems.Kind)}, and Logto's is an ordinary table"),
            _ when missing.Length > 0 => new Verdict.Damaged(
                $"its tables are not complete: '{string.Join("', '", missing)}' {(missing.Length == 1 ? "is" : "are")} missing beside " +
                $"'systems', and every release since 1.0 has {(missing.Length == 1 ? "it" : "them")}"),
            _ when hasLegacyConfigs => new Verdict.Damaged(
                "it has both 'systems' and '_logto_configs', which is what a deploy with an unreadable state leaves behind"),
            _ when !database.SystemsHasKey => new Verdict.Damaged(
                "its table 'systems' has lost its primary key on 'key'"),
            _ => database.States switch
            {
                [var json] => DecideByState(catalog, database, json),
                [] => new Verdict.Damaged("its table 'systems' has no readable row 'alterationState'"),
                _ => new Verdict.Damaged("its table 'systems' has more than one row 'alterationState'"),
            },
        };
    }

    private static bool HasTable(Inspection database, string name, Relation? systems) =>
        database.Relations.Any(relation => relation.Name == name && relation.Kind == Relation.Table
            && (systems is null || relation.Schema == systems.Schema));

    private static string Named(string kind) => $"{(kind[0] == 'i' ? "an" : "a")} {kind}";

    private static Verdict DecideWithoutState(Inspection database, string[] missing, bool hasLegacyConfigs)
    {
        var looksLikeLogto = !missing.Contains("users") && !missing.Contains("applications");
        return hasLegacyConfigs && looksLikeLogto ? new Verdict.Damaged("its state is in '_logto_configs', as before Logto 1.0, which " +
            "is too old to be migrated in one step")
            : hasLegacyConfigs ? new Verdict.Damaged("it has '_logto_configs' and no 'users' or 'applications', which is what a deploy " +
                "on an empty database leaves behind")
            : looksLikeLogto || !missing.Contains("logto_configs") ? new Verdict.Damaged("it has tables of Logto's but no table " +
                "'systems', where the state is")
            : database.ObjectCount == 0 ? new Verdict.Empty()
            : new Verdict.Foreign($"the schema '{database.Schema}' holds {database.ObjectCount} " +
                $"{(database.ObjectCount == 1 ? "object" : "objects")} and none of them is Logto's " +
                $"({database.Objects}{(database.ObjectCount > 5 ? ", …" : "")})");
    }

    private static Verdict DecideByState(AlterationCatalog catalog, Inspection database, string json)
    {
        AlterationState state;
        try
        {
            state = AlterationState.Parse(json);
        }
        catch (FormatException damage)
        {
            return new Verdict.Damaged($"the row 'alterationState' in 'systems' is damaged: {damage.Message}");
        }

        var pending = catalog.PendingAfter(state);
        if (database.Schema == "pg_catalog")
        {
            return new Verdict.Failing(state, pending, [new Fault(
                $"the search_path of user '{database.User}' begins with pg_catalog, so that Logto looks there for its tables",
                $"run `alter role {SqlNames.Quote(database.User)} reset search_path`")]);
        }

        bool IsRepairedByPending(string table) => pending.Any(alteration => catalog.Mentions(alteration, table));
        var open = database.TablesWithoutRowSecurity.Where(table => !IsRepairedByPending(table)).ToArray();

        // No alteration creates or repairs roles, tenants or keys. So a deploy does not remove a fault in them.
        var faults = StartConditions.FindFaults(catalog.Requirements, database, state, IsRepairedByPending);
        return open.Length > 0 ? new Verdict.Unstartable(state, pending, open)
            : faults.Count > 0 ? new Verdict.Failing(state, pending, faults)
            : pending.Count > 0 ? new Verdict.Pending(state, pending)
            : database.TenantsRefusal is { } refusal ? new Verdict.Hidden(state, refusal)
            : database.Start is null ? new Verdict.Damaged("its table 'tenants' has no column 'db_user', which every release since 1.0 has")
            : state.Timestamp > catalog.Last.Timestamp ? new Verdict.Ahead(state)
            : new Verdict.Matching(state);
    }
}
