using System.CommandLine;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Platform;

namespace LogtoMigrateInit.CommandLine;

/// <summary>Copies this program into a folder that is shared with a container of the target image.</summary>
internal static class InstallCommand
{
    private const UnixFileMode Mode =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    public static Command Create(ReportOutcome report)
    {
        var directory = new Argument<string>("directory");
        directory.Validators.Add(given =>
        {
            // `install "$UNSET"` passes an empty name, which would mean the working folder.
            if (given.Tokens is [{ Value: "" }])
            {
                given.AddError("The name of the folder is empty.");
            }
        });
        var command = new Command("install") { directory };
        command.SetAction(parsed => (int)report(Install(parsed.GetValue(directory)!)).ExitCode);
        return command;
    }

    private static Outcome Install(string directory)
    {
        var target = Path.Combine(directory, "logto-migrate-init");
        var temporary = $"{target}.{Guid.NewGuid():n}.tmp"; // not the process id, which is 1 in every container
        try
        {
            // A rename is atomic, so no process can start an incomplete copy.
            File.Copy(Environment.ProcessPath!, temporary);
            File.SetUnixFileMode(temporary, Mode);
            File.Move(temporary, target, overwrite: true);
            return new Outcome.Installed(target);
        }
        catch (Exception unwritable) when (unwritable is IOException or UnauthorizedAccessException)
        {
            TryDelete(temporary);
            return new Outcome.InstallFailed(
                directory, unwritable.Message.Replace(temporary, target, StringComparison.Ordinal), FilePermission.CurrentUser);
        }
    }

    private static void TryDelete(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            // A file that could not be written can often not be deleted either.
        }
    }
}
