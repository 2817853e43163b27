using LogtoMigrateInit.Database;

namespace LogtoMigrateInit.Alterations;

/// <summary>The decision, taken from what the target ships and what the database shows, and from nothing else.</summary>
internal static class MigrationPlan
{
    /// <summary>The same function judges before a deploy and verifies after it.</summary>
    public static Verdict Decide(AlterationCatalog catalog, Inspection database) => database switch
    {
        { HasSystems: true, HasLegacyConfigs: true } => new Verdict.Damaged(
            "it has both 'systems' and '_logto_configs', which is what a deploy with an unreadable state leaves behind"),
        { HasSystems: true, StateJson: null } => new Verdict.Damaged(
            "its table 'systems' has no readable row 'alterationState'"),
        { HasSystems: true, StateJson: { } json } => DecideByState(catalog, database, json),
        { HasLegacyConfigs: true, HasUsers: true, HasApplications: true } => new Verdict.Damaged(
            "its state is in '_logto_configs', as before Logto 1.0, which is too old to be migrated in one step"),
        { HasLegacyConfigs: true } => new Verdict.Damaged(
            "it has '_logto_configs' and no 'users' or 'applications', which is what a deploy on an empty database leaves behind"),
        { HasUsers: true, HasApplications: true } or { HasLogtoConfigs: true } => new Verdict.Damaged(
            "it has tables of Logto's but no table 'systems', where the state is"),
        { TableCount: 0 } => new Verdict.Empty(),
        _ => new Verdict.Foreign($"it has {database.TableCount} tables in the schema '{database.Schema}' and none of them is Logto's"),
    };

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
        return pending.Count > 0 ? new Verdict.Pending(state, pending)
            : database.TablesWithoutRowSecurity.Count > 0 ? new Verdict.Unstartable(state, database.TablesWithoutRowSecurity)
            : state.Timestamp > catalog.Last.Timestamp ? new Verdict.Ahead(state)
            : new Verdict.Matching(state);
    }
}
