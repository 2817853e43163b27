using LogtoMigrateInit.Endings;

namespace LogtoMigrateInit.Commands;

/// <summary>
/// What <c>check --output json</c> calls each ending. A contract that scripts act on (docs/reference.md), so it is written down and does not
/// follow the names of types.
/// </summary>
internal static class OutcomeNames
{
    private static readonly Dictionary<Type, string> _names = new()
    {
        [typeof(Outcome.Matches)] = "matches",
        [typeof(Outcome.AheadAllowed)] = "aheadAllowed",
        [typeof(Outcome.Unexpected)] = "unexpected",
        [typeof(Outcome.WrongUsage)] = "wrongUsage",
        [typeof(Outcome.Unreachable)] = "unreachable",
        [typeof(Outcome.Refused)] = "refused",
        [typeof(Outcome.NoSuchDatabase)] = "noSuchDatabase",
        [typeof(Outcome.NotCreated)] = "notCreated",
        [typeof(Outcome.UnsupportedServer)] = "unsupportedServer",
        [typeof(Outcome.ReadOnly)] = "readOnly",
        [typeof(Outcome.LockTimedOut)] = "lockTimedOut",
        [typeof(Outcome.FolderBusy)] = "folderBusy",
        [typeof(Outcome.DeployFailed)] = "deployFailed",
        [typeof(Outcome.LockLost)] = "lockLost",
        [typeof(Outcome.SeedFailed)] = "seedFailed",
        [typeof(Outcome.AlterationsLeft)] = "alterationsLeft",
        [typeof(Outcome.RowSecurityOff)] = "rowSecurityOff",
        [typeof(Outcome.RolesUnusable)] = "rolesUnusable",
        [typeof(Outcome.LoginsFailed)] = "loginsFailed",
        [typeof(Outcome.TenantsHidden)] = "tenantsHidden",
        [typeof(Outcome.Ahead)] = "ahead",
        [typeof(Outcome.Empty)] = "empty",
        [typeof(Outcome.WouldSeed)] = "wouldSeed",
        [typeof(Outcome.NotLogto)] = "notLogto",
        [typeof(Outcome.DamagedByCli)] = "damagedByCli",
        [typeof(Outcome.TargetUnusable)] = "targetUnusable",
        [typeof(Outcome.Pending)] = "pending",
        [typeof(Outcome.PreflightFailed)] = "preflightFailed",
        [typeof(Outcome.BackedUp)] = "backedUp",
        [typeof(Outcome.BackupFailed)] = "backupFailed",
        [typeof(Outcome.Restored)] = "restored",
        [typeof(Outcome.RestoreRefused)] = "restoreRefused",
        [typeof(Outcome.RestoreUnknown)] = "restoreUnknown",
        [typeof(Outcome.Rehearsed)] = "rehearsed",
        [typeof(Outcome.RehearsalFailed)] = "rehearsalFailed",
        [typeof(Outcome.RehearsalImpossible)] = "rehearsalImpossible",
        [typeof(Outcome.Drifted)] = "drifted",
        [typeof(Outcome.DriftUnknown)] = "driftUnknown",
        [typeof(Outcome.RolledBack)] = "rolledBack",
        [typeof(Outcome.AtLevel)] = "atLevel",
        [typeof(Outcome.RollbackRefused)] = "rollbackRefused",
        [typeof(Outcome.RollbackWouldFail)] = "rollbackWouldFail",
        [typeof(Outcome.RollbackNotRehearsed)] = "rollbackNotRehearsed",
        [typeof(Outcome.RollbackFailed)] = "rollbackFailed",
        [typeof(Outcome.Stopped)] = "stopped",
    };

    public static IReadOnlyDictionary<Type, string> All => _names;

    public static string Of(Outcome outcome) => _names[outcome.GetType()];
}
