using System.Text;

namespace LogtoMigrateInit.Processes;

/// <summary>Cuts a program's output into lines of bounded length, so that a faulty program cannot fill the memory.</summary>
internal static class OutputLines
{
    /// <summary>The rest of a longer line is dropped and counted.</summary>
    public const int MaximumLength = 4096;

    /// <summary>Reads a stream of UTF-8 to its end.</summary>
    /// <param name="stream">Standard output or standard error of a program.</param>
    /// <param name="take">Gets each line that is not empty, and how many of its characters were dropped.</param>
    /// <param name="cancellationToken">Counts as the end of the stream, which another process may hold open.</param>
    public static async Task ReadAsync(Stream stream, Action<string, long> take, CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(stream, Encoding.UTF8);
        var line = new StringBuilder();
        var buffer = new char[MaximumLength];
        long dropped = 0;
        int count;
        while ((count = await ReadAsync(reader, buffer, cancellationToken)) > 0)
        {
            foreach (var character in buffer.AsSpan(0, count))
            {
                if (character == '\n')
                {
                    End();
                }
                else if (line.Length < MaximumLength)
                {
                    line.Append(character);
                }
                else
                {
                    dropped++;
                }
            }
        }

        End();

        void End()
        {
            var text = line.ToString().TrimEnd('\r');
            if (text.Length > 0)
            {
                take(text, dropped);
            }

            line.Clear();
            dropped = 0;
        }
    }

    private static async Task<int> ReadAsync(StreamReader reader, char[] buffer, CancellationToken cancellationToken)
    {
        try
        {
            return await reader.ReadAsync(buffer, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return 0;
        }
    }
}
