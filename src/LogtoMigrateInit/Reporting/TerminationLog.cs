using System.Text;
using LogtoMigrateInit.Platform;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Reporting;

/// <summary>
/// Writes the file whose text Kubernetes shows as a container's message
/// (https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/).
/// </summary>
internal static class TerminationLog
{
    /// <summary>The longest message in bytes. Kubernetes truncates longer ones.</summary>
    private const int MaximumBytes = 4096;

    /// <summary>Writes the message into the existing file, which is a mount. Does nothing when the file does not exist.</summary>
    public static void Write(string file, string message, ILogger logger)
    {
        if (!File.Exists(file))
        {
            return;
        }

        try
        {
            // Skip a pipe, which could block, and the log itself (/dev/stderr), which would be emptied. The log has the message already.
            using var stream = IsStandardStream(file) ? null : PlainFile.TryOpen(file, FileAccess.Write);
            stream?.SetLength(0);
            stream?.Write(Cut(Encoding.UTF8.GetBytes(message)));
        }
        catch (Exception unwritable) when (unwritable is IOException or UnauthorizedAccessException)
        {
            logger.TerminationLogFailed(file, unwritable.Message);
        }
    }

    private static bool IsStandardStream(string file)
    {
        var target = FinalTarget(file);
        return FinalTarget("/proc/self/fd/1") == target || FinalTarget("/proc/self/fd/2") == target;
    }

    private static string FinalTarget(string file) =>
        File.ResolveLinkTarget(file, returnFinalTarget: true)?.FullName ?? Path.GetFullPath(file);

    private static ReadOnlySpan<byte> Cut(ReadOnlySpan<byte> text)
    {
        if (text.Length <= MaximumBytes)
        {
            return text;
        }

        var end = MaximumBytes;
        while ((text[end] & 0xC0) == 0x80)
        {
            end--; // not inside a character
        }

        return text[..end];
    }
}
