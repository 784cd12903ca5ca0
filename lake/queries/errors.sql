-- Error rate of each provider, by kind of error; what clients cancelled is no error
SELECT
  provider,
  error_type,
  errors,
  requests,
  round(100e0 * errors / requests, 2) AS percent
FROM (
  SELECT
    provider,
    error_type,
    count(*) AS errors,
    sum(count(*)) OVER (PARTITION BY provider) AS requests
  FROM (
    SELECT
      coalesce(gen_ai_provider_name, '(none)') AS provider,
      CASE
        WHEN status NOT IN ('success', 'cancelled') THEN coalesce(error_type, status)
      END AS error_type
    FROM llm_usage
    WHERE dt >= :first_day AND dt <= :last_day
      AND start_time >= :since AND start_time < :until
  ) AS each_request
  GROUP BY 1, 2
) AS counted
WHERE error_type IS NOT NULL
ORDER BY provider, errors DESC, error_type
