namespace LogtoMigrateInit.Logto;

/// <summary>The Logto release that is about to start: its files, and the alterations that it ships.</summary>
internal sealed record LogtoTarget(LogtoInstallation Installation, AlterationCatalog Catalog);
