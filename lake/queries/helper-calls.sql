-- What chat frontends ask for beside the chat itself: titles, tags, follow-ups and the like
SELECT
  coalesce(app, '(none)') AS app,
  coalesce(task, '(none)') AS task,
  coalesce(gen_ai_request_model, '(none)') AS model,
  count(*) AS requests,
  sum(gen_ai_usage_input_tokens) AS input_tokens,
  sum(gen_ai_usage_output_tokens) AS output_tokens,
  sum(billed_cost) AS cost_usd
FROM llm_usage
WHERE dt >= :first_day AND dt <= :last_day
  AND start_time >= :since AND start_time < :until
  AND task <> 'chat'
GROUP BY 1, 2, 3
ORDER BY cost_usd DESC NULLS LAST, 1, 2, 3
